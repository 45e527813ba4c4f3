"""One of several processes that all try the same at once.

Says how many of its tries succeeded, how many were refused, and whatever else happened.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable

from strongroom_service.errors import ServiceRefusal, TooManyRequests
from strongroom_service.identity.caller import ANONYMOUS
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service


def tries(service: Service, what: str, text: str) -> Callable[[int], object]:
    """What each thread does, by its number."""
    if what == "use":
        return lambda _: service.tokens.authenticate(text, "127.0.0.1")
    if what == "secret-id":
        role_id, secret_id = text.split(" ")
        return lambda _: service.logins.app_roles.login(role_id, secret_id, "127.0.0.1")
    if what == "wrap":
        return lambda _: service.wraps.unwrap(text, ANONYMOUS)
    if what == "guess":
        return lambda number: service.logins.passwords.login("alice", f"guess number {number}", "127.0.0.1")
    if what == "family":  # children and grandchildren are made while their parent is revoked
        parent = service.tokens.authenticate(text, "127.0.0.1")

        def relate(number: int) -> object:
            if number % 8 == 7:
                return service.tokens.revoke(parent.accessor)
            child = service.tokens.create(parent, Grant())
            caller = service.tokens.authenticate(child.token.text, "127.0.0.1")
            return service.tokens.create(caller, Grant())

        return relate
    raise ValueError(what)


def run_all(attempt: Callable[[int], object], threads: int) -> Counter[str]:
    """What came of it when all threads tried at once."""
    counts: Counter[str] = Counter()
    lock, barrier = threading.Lock(), threading.Barrier(threads)

    def run(number: int) -> None:
        barrier.wait()
        try:
            attempt(number)
            outcome = "done"
        except TooManyRequests:
            outcome = "too-many"
        except ServiceRefusal:
            outcome = "refused"
        except Exception as error:
            outcome = type(error).__name__
        with lock:
            counts[outcome] += 1

    runners = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    return counts


def main() -> None:
    """Race for each line of standard input: what, how many threads, and a text; begin when another line comes."""
    with Service.open(create=False) as service:
        for line in sys.stdin:
            what, threads, text = line.rstrip("\n").split(" ", 2)
            attempt = tries(service, what, text)
            print("ready", flush=True)
            sys.stdin.readline()
            print(" ".join(f"{name}={number}" for name, number in run_all(attempt, int(threads)).items()), flush=True)


if __name__ == "__main__":
    main()
