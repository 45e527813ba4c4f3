import asyncio
from typing import Literal, Union
from pydantic import SecretStr, Field, field_validator, SecretBytes
from prefect import flow, task
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.blocks.fields import SecretDict


class Creds(Block):
    _block_type_name = "Orc Creds"
    user: str = Field(title="User", description="who")
    token: SecretStr
    extra: SecretDict | None = None

    @field_validator("user")
    @classmethod
    def low(cls, v):
        return v.lower()

    def client(self):
        return {"user": self.user, "n": len(self.token.get_secret_value())}

    async def aclient(self):
        return self.client()


class Dest(Block):
    creds: Creds
    mode: Literal["a", "b"] = "a"
    path: str = "x"

    def write(self, rows):
        return f"{self.creds.user}:{self.path}:{rows}"


tok = "".join(["t", "o" * 9])
c = Creds(user="ANN", token=tok, extra={"k": tok})
c.save("orc-c", overwrite=True)
Dest(creds=Creds.load("orc-c"), path="p").save("orc-d", overwrite=True)
d = Dest.load("orc-d")
print(d.write(3), d.creds.client(), len(d.creds.extra.get_secret_value()["k"]))
c2 = Creds.load("orc-c")
c2.user = "bob" if False else "BOB"
print(c2.user in ("bob", "BOB"))
Creds(user="carl", token=tok).save("orc-c", overwrite=True)
print(Dest.load("orc-d").creds.user)


@task
def write(dest: Dest, n):
    return dest.write(n)


@flow
def f(dest: Dest, names: list[str]):
    loaded = Dest.load("orc-d")
    return write.map([dest, loaded], [1, 2]).result(), write(dest, len(names))


print(f(d, ["x"]))


@flow
async def g():
    x = await Creds.load("orc-c")
    y = await Creds.aload("orc-c")
    return await x.aclient(), y.user


print(asyncio.run(g()))
try:
    Creds(user="x")
except ValueError as e:
    print("VE")
try:
    Dest(creds=c, mode="z")
except ValueError as e:
    print("VE")
print(d.model_dump()["mode"], isinstance(d, Block), tok in str(c), tok in repr(d), tok in d.model_dump_json())
s = Secret(value={"a": 1})
s.save("orc-json", overwrite=True)
print(Secret.load("orc-json").get())
