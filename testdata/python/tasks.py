"""Tasks of asyncio in many states, and what they know of themselves: writes that to a file, then waits."""
import asyncio
import json
import sys


class Box:
    def __init__(self, number):
        self.number = number


async def sleeps(n):
    box = Box(n)
    await asyncio.sleep(1000)


async def deep(n):
    if n:
        return await deep(n - 1)
    await asyncio.get_running_loop().create_future()


async def stream():
    yield 1
    await asyncio.sleep(1000)
    yield 2


async def reads():
    async for x in stream():
        pass


class Waits:
    def __await__(self):
        return (yield from asyncio.sleep(1000).__await__())


async def custom():
    await Waits()


async def waits_for(task):
    await task


async def gathers(tasks):
    await asyncio.gather(*tasks)


async def ends():
    return 1


def chain(coro):
    """The functions that a coroutine is in, and the type of what the last one waits for."""
    out = []
    while True:
        if hasattr(coro, "cr_await"):
            frame, inner = coro.cr_frame, coro.cr_await
        elif hasattr(coro, "ag_await"):
            frame, inner = coro.ag_frame, coro.ag_await
        elif hasattr(coro, "gi_yieldfrom"):
            frame, inner = coro.gi_frame, coro.gi_yieldfrom
        else:
            return out
        if frame is not None:
            out.append([frame.f_code.co_name, frame.f_lineno])
        if inner is None:
            return out
        coro = inner


async def main(path):
    tasks = {}

    def start(name, coro):
        tasks[name] = asyncio.get_running_loop().create_task(coro)
        tasks[name].set_name(name)
        return tasks[name]

    for i in range(5):
        start("sleep-%d" % i, sleeps(i))
    start("deep", deep(20))
    start("reads", reads())
    start("custom", custom())
    start("waits", waits_for(tasks["deep"]))
    start("gathers", gathers([tasks["sleep-0"], tasks["sleep-1"], tasks["custom"]]))
    done = start("done", ends())
    await asyncio.sleep(0.05)
    me = asyncio.current_task()
    me.set_name("main")
    facts = {t.get_name(): chain(t.get_coro()) for t in asyncio.all_tasks() if t is not me}
    with open(path, "w") as f:
        json.dump(facts, f)
    kept.append(done)
    print("ready", flush=True)
    await asyncio.sleep(1000)


kept = []
asyncio.run(main(sys.argv[1]))
