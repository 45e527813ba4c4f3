import sys
from pathlib import Path
from prefect import flow, Flow
from prefect.exceptions import MissingFlowError
from prefect.flows import load_flow_from_entrypoint

body = '''
from prefect import flow
@flow(name="loaded")
def inner(x: int = 3):
    """Inner doc."""
    return x * 2
'''
if "strongroom" in sys.modules:
    body = body.replace("prefect", "strongroom")
Path("mod_flow.py").write_text(body)
f = load_flow_from_entrypoint("mod_flow.py:inner")
print(f.name, f(), isinstance(f, Flow), f.description)
f = load_flow_from_entrypoint("mod_flow.inner") if False else f
g = flow.from_source(source=str(Path.cwd()), entrypoint="mod_flow.py:inner")
print(g(4), g.name)
try:
    load_flow_from_entrypoint("mod_flow.py:nope")
except MissingFlowError:
    print("missing")
