"""Credits: an agent works on a thread while its user watches what it costs."""

import uuid
from decimal import Decimal
from typing import Any

from demo.caller import Caller, back_end, enrol
from demo.client import Device, signed_in
from demo.story import chapter, expect

THREAD = "agent-run"
BOUGHT = {"credits": 5, "amount": 4.99, "currency": "EUR", "provider": "demo"}
STEPS = (("0.125", 900, 350), ("0.0625", 400, 200), ("0.25", 2000, 640))  # credits, prompt and completion tokens
HELD = 8
LAST_STEP = "7.5"


async def tell() -> list[Device]:
    chapter("Katherine's agent runs. The plan gave her 10 credits for the month; the run reserves 8 of them.")
    user_id = await enrol("Katherine", "trial")
    async with signed_in(user_id, "laptop") as [laptop], back_end() as server:
        await run_agent(laptop, server)
        await run_out(laptop, server)
        await buy(laptop, server)
    return [laptop]


async def run_agent(laptop: Device, server: Caller) -> None:
    whose = {"user_id": laptop.user_id}
    hold = await server.ask("hold_credits", shows=("status", "credits"), **whose, credits=HELD)
    left = await watch(laptop, server)
    expect((left["balance"], left["available"]) == (10, 2), "what is held is not available")

    chapter("Each step is charged to the thread; she sees her credits move.")
    spent = Decimal(0)
    for cost, prompt, completion in STEPS:
        await server.ask(
            "record_usage", shows=("credits", "available"), **whose, credits=cost,
            prompt_tokens=prompt, completion_tokens=completion, thread_id=THREAD,
        )  # fmt: skip
        spent += Decimal(cost)
        left = await watch(laptop, server)
        expect(Decimal(str(left["balance"])) == 10 - spent, "the balance follows each step, unrounded")
        await watch_thread(laptop, server, spent)
    usage = await laptop.ask("get_thread_usage", shows=("credits", "total_tokens", "requests"), thread_id=THREAD)
    expect(usage["requests"] == len(STEPS), "the thread knows each step")

    chapter("The last step settles the hold. It took less than was held: the rest is free again.")
    receipt = await server.ask(
        "record_usage", shows=("credits", "available"), **whose, credits=LAST_STEP, thread_id=THREAD,
        hold_id=hold["id"], idempotency_key="last-step",
    )  # fmt: skip
    left = await watch(laptop, server)
    expect(left["held"] == 0, "a hold that is settled holds nothing")
    await watch_thread(laptop, server, spent + Decimal(LAST_STEP))
    again = await server.ask(
        "record_usage", shows=("credits", "available"), **whose, credits=LAST_STEP, thread_id=THREAD,
        hold_id=hold["id"], idempotency_key="last-step",
    )  # fmt: skip
    expect(again == receipt and laptop.heard_nothing(), "the same key again is the same receipt and no second charge")


async def run_out(laptop: Device, server: Caller) -> None:
    chapter("One step more would cost what she does not have.")
    await server.be_refused(
        "PT402", "insufficient_credits", "record_usage", user_id=laptop.user_id, credits=3, thread_id=THREAD
    )
    expect(laptop.heard_nothing(), "a refused charge is no event")


async def buy(laptop: Device, server: Caller) -> None:
    chapter("She buys 5 more. The provider's webhook comes twice.")
    purchase = {"user_id": laptop.user_id, **BOUGHT, "provider_ref": uuid.uuid4().hex, "status": "completed"}
    await server.ask("record_purchase", shows=("status", "credits"), **purchase)
    before = await watch(laptop, server)
    told = await laptop.hear_of("purchase:completed", server.sent_at, lambda event: f"credits {event['credits']}")
    expect(told["credits"] == BOUGHT["credits"], "she is told what she bought")
    await server.ask("record_purchase", shows=("status", "credits"), **purchase)
    after = await laptop.ask("get_credit_balance", shows=("balance", "available", "used_this_period"))
    expect(after == before and laptop.heard_nothing(), "the second webhook changes nothing")


async def watch(laptop: Device, server: Caller) -> dict[str, Any]:
    event = await laptop.hear_of("credits:changed", server.sent_at, lambda event: f"available {available(event)}")
    balance: dict[str, Any] = event["balance"]
    expect(event["version"] == balance["version"], "the version of an event is that of the balance inside")
    return balance


async def watch_thread(laptop: Device, server: Caller, spent: Decimal) -> None:
    event = await laptop.hear_of("usage:logged", server.sent_at, lambda event: f"thread {event['thread']['credits']}")
    expect(Decimal(str(event["thread"]["credits"])) == spent, "the thread's credits follow each step")


def available(event: dict[str, Any]) -> Any:
    return event["balance"]["available"]
