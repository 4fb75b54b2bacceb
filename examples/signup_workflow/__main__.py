"""Ann clicks after a reminder, and again; bob clicks when it is too late. The worker is killed while they wait."""

from __future__ import annotations

import json

from durable_celery import AlreadySettled, TerminalError
from examples.signup_workflow.flows import OUTBOX, Signup, durable
from examples.stage import Stage, expect, perform, until


def tell(stage: Stage) -> None:
    stage.start("one")
    ann, bob = (durable.client().workflow(Signup, name) for name in ("ann", "bob"))
    run_of_ann, run_of_bob = ann.run.send("ann@example.test"), bob.run.send("bob@example.test")
    until(lambda: len(mails("ann")) == len(mails("bob")) == 1, "both have a link")
    print(f"To ann: {mails('ann')[0]}\nann: {ann.step()}")
    again = ann.run.send("ann@example.test")
    expect(again.id == run_of_ann.id and not again.created, "a workflow runs once for each key")
    print("ann signs up once more: that is the same signup, and no second mail")

    stage.kill("one")
    print("kill -9 of the only worker, while both wait for a click")
    stage.start("one")
    until(lambda: len(mails("ann")) == len(mails("bob")) == 2, "both are reminded")
    print(f"ann: {ann.step()}")
    print(f"  with a wrong link: {click(ann, 'guess')}")
    print(f"  with the right one: {click(ann, secret('ann'))}")
    print(f"  once more: {click(ann, secret('ann'))}")
    print(f"{run_of_ann.result(timeout=10)}; ann: {ann.step()}")

    print(f"{run_of_bob.result(timeout=10)}; bob: {bob.step()}")
    print(f"  and clicks now: {click(bob, secret('bob'))}")
    expect((len(mails("ann")), len(mails("bob"))) == (2, 3), "who has clicked is not reminded")
    print("Mails: 2 to ann, 3 to bob, each of them once")


def click(signup, secret: str) -> str:
    """What the page behind the link says."""
    try:
        signup.confirm(secret)
    except AlreadySettled as error:
        return "you have clicked before" if error.state == "resolved" else "too late, sign up again"
    except TerminalError as error:
        return f"{error.message} ({error.status_code})"
    return "thank you"


def mails(name: str) -> list[str]:
    sent = [json.loads(line) for line in OUTBOX.read_text().splitlines()] if OUTBOX.exists() else []
    return [mail["text"] for mail in sent if mail["to"].startswith(name)]


def secret(name: str) -> str:
    return mails(name)[0].rpartition("/")[2]


if __name__ == "__main__":
    perform(tell, durable, "examples.signup_workflow.flows")
