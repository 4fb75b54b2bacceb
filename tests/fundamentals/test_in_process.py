"""A Durable that executes in its own process: closed for good, and not alone on its Redis."""

from __future__ import annotations

import threading

from durable_celery import Context, Durable


def test_a_closed_one_takes_nothing_up_any_more(durable: Durable) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go.wait(5)

    @durable.register
    def child(ctx: Context) -> None:
        raise AssertionError("nobody is there to execute it")

    @durable.register
    def parent(ctx: Context) -> None:
        yield ctx.run(hold)
        yield ctx.rpc(child)

    others = set(threading.enumerate())
    handle = parent.run("p")
    assert begun.wait(5)
    mine = [thread for thread in threading.enumerate() if thread not in others and "durable-local" in thread.name]
    assert mine
    durable.close()
    go.set()  # the step at hand goes on, and asks for a child
    for thread in mine:
        thread.join(5)
    assert not [thread for thread in threading.enumerate() if thread not in others and "durable-local" in thread.name]
    assert (handle.status, durable.get("p.2").status) == ("suspended", "queued")


def test_two_of_them_on_one_redis_leave_each_other_what_they_do_not_know(redis_url: str) -> None:
    one, other = Durable(store=redis_url), Durable(store=redis_url)

    @one.register
    def known(ctx: Context) -> str:
        ctx.sleep(1.2).get()
        return "done"

    @other.register
    def busy(ctx: Context) -> None:
        ctx.sleep(60).get()

    keeps_sweeping = busy.run("busy")
    handles = [known.run(f"k-{number}") for number in range(4)]
    assert [handle.result(timeout=30) for handle in handles] == ["done"] * 4
    keeps_sweeping.cancel()
    one.close()
    other.close()
