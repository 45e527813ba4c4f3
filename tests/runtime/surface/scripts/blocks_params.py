from typing import Optional
from pydantic import SecretStr, Field
from prefect import flow, task
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.filesystems import LocalFileSystem


class Warehouse(Block):
    """A warehouse.

    Longer text.
    """

    _block_type_name = "Ware House"
    _block_type_slug = "ware-house"
    host: str
    port: int = Field(default=5432, description="port")
    password: Optional[SecretStr] = None

    def block_initialization(self):
        self._dsn = f"{self.host}:{self.port}"

    def connect(self):
        return self._dsn, len(self.password.get_secret_value()) if self.password else 0


class App(Block):
    name: str
    ware: Warehouse


pw = "".join(["hun", "ter", "2x"])
Warehouse(host="db", password=pw).save("orc-main", overwrite=True)
w = Warehouse.load("orc-main")
print(w.connect(), pw in repr(w), w.get_block_type_slug(), w.get_description())
App(name="a", ware=w).save("orc-app", overwrite=True)
print(App.load("orc-app").ware.connect())
Secret(value=pw).save("orc-sec", overwrite=True)
print(len(Secret.load("orc-sec").get()), pw in str(Secret.load("orc-sec")))


@task
def use(x: Warehouse):
    return x.connect()


@flow
def f(w: Warehouse, s: SecretStr = SecretStr("zz"), extra: Optional[App] = None):
    return use(w), use.submit(w).result(), len(s.get_secret_value()), extra.name if extra else None


print(f(w), f(Warehouse.load("orc-main"), extra=App.load("orc-app"), s=pw))
print(Block.load("ware-house/orc-main").connect())
try:
    Warehouse.load("nope")
except ValueError as e:
    print("ValueError")
try:
    Warehouse(host="x").save("orc-main")
except ValueError as e:
    print("exists")
App.delete("orc-app")
Warehouse.delete("orc-main")
print(w.model_dump().keys() >= {"host", "port"})
fs = LocalFileSystem(basepath="fs")
fs.write_path("a/b.txt", b"hey")
print(fs.read_path("a/b.txt"))
