"""Plug-ins that hang, that fill memory or disk, and plug-ins with processes and threads of their own."""

from .fault import score

HANGS = (
    score("loops", "never ends", "while True:\n    pass", "timeout", "seconds", often=True),
    score("sleeps", "sleeps", "time.sleep(1000)", "timeout", "seconds"),
    score(
        "deadlock",
        "waits for a lock that it holds",
        "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
        "timeout",
        "seconds",
    ),
    score("stops_itself", "stops its process", "os.kill(os.getpid(), signal.SIGSTOP)", "timeout", "seconds"),
    score(
        "ignores_signals",
        "ignores all signals and never ends",
        """
        for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        time.sleep(1000)
        """,
        "timeout",
        "seconds",
    ),
    score(
        "waits_for_child",
        "waits for a child process in a session of its own, which never ends",
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nos.wait()",
        "timeout",
        "seconds",
    ),
    score("reads_input", "waits for input", "input()", "failed or timeout"),
)

GROWING = (
    score(
        "eats", "fills the memory", "kept = []\nwhile True:\n    kept.append(torch.ones(25_000_000))", "oom", "memory"
    ),
    score(
        "keeps_tensors",
        "keeps more memory in every call",
        'self.__dict__.setdefault("kept", []).append(torch.ones(60_000_000))',
        "oom",
        "memory",
    ),
    score(
        "children_eat",
        "fills the memory in child processes",
        """
        for _ in range(4):
            if os.fork() == 0:
                kept = bytearray(os.urandom(1000)) * 600_000
                time.sleep(1000)
        time.sleep(1000)
        """,
        "oom",
        "memory",
    ),
    score("asks_for_too_much", "asks for 4 PB at once", "torch.empty(10**15)", "oom or failed"),
    score(
        "floods_log",
        "writes a log without an end",
        """
        for _ in range(400):
            os.write(1, b"x" * 10**6)
        time.sleep(1000)
        """,
        "crashed or failed",
        "log",
    ),
)

CHILDREN = (
    score(
        "children_stay",
        "starts 20 child processes and leaves them",
        """
        for _ in range(0 if hasattr(self, "started") else 20):
            if os.fork() == 0:
                time.sleep(1000)
                os._exit(0)
        self.started = True
        """,
        "ok",
    ),
    score(
        "daemon",
        "starts a child process in a session of its own and leaves it",
        """
        if not hasattr(self, "started") and os.fork() == 0:
            os.setsid()
            time.sleep(60)
            os._exit(0)
        self.started = True
        """,
        "ok",
    ),
    score(
        "threads_stay",
        "starts a thread that never ends",
        "import threading; threading.Thread(target=time.sleep, args=(1000,)).start()",
        "ok",
    ),
    score("hangs_at_exit", "hangs when Python ends", "import atexit; atexit.register(time.sleep, 1000)", "ok"),
)
