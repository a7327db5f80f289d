"""Plug-ins that raise, and plug-ins that end their process."""

from .fault import score, whole

ERRORS = (
    score(
        "raises", "raises an error", 'raise RuntimeError("no score today")', "failed", "RuntimeError: no score today"
    ),
    score("exits", "raises `SystemExit`", "sys.exit(0)", "failed or crashed"),
    score("interrupts", "raises `KeyboardInterrupt`", "raise KeyboardInterrupt", "failed or crashed"),
    score(
        "str_raises",
        "raises an error that cannot be shown as text",
        """
        class Nameless(Exception):
            def __str__(self):
                raise ValueError("no name")
        raise Nameless
        """,
        "failed",
        "Nameless",
        often=True,
    ),
    score(
        "base_error",
        "raises an error that is no `Exception`",
        'raise type("Strange", (BaseException,), {})("not one of yours")',
        "failed or crashed",
    ),
    score("long_message", "raises an error of 10 MB", 'raise RuntimeError("x" * 10**7)', "failed", "RuntimeError: xxx"),
    score(
        "surrogates",
        "raises an error with a letter that has no UTF-8",
        r'raise RuntimeError("\ud800 and \udcff")',
        "failed",
        "RuntimeError: ",
        often=True,
    ),
    score(
        "control_codes",
        "raises an error that would clear the terminal",
        r'raise RuntimeError("\x1b[2J\x1b[31m\x07 [bold]red[/nothing]")',
        "failed",
        "RuntimeError: ",
    ),
    score(
        "overflows",
        "raises the limit of recursion and overflows the stack",
        """
        sys.setrecursionlimit(10**9)
        def deeper(_):
            return max([0], key=deeper)
        deeper(0)
        """,
        "crashed or failed",
    ),
    whole(
        "needs_arguments",
        "cannot be built",
        '''
        @ALIGNMENTS.register("{name}")
        class Faulty(InnerProduct):
            """e = 0"""

            def __init__(self):
                pass
        ''',
        "failed",
        "TypeError: ",
    ),
    score("os_exit", "ends its process with exit code 0", "os._exit(0)", "crashed", "exit code 0"),
    score("os_exit_3", "ends its process with exit code 3", "os._exit(3)", "crashed", "exit code 3"),
    score("aborts", "calls `abort`", "os.abort()", "crashed", "SIGABRT"),
    score("kills_itself", "kills its process", "os.kill(os.getpid(), 9)", "crashed", "SIGKILL", often=True),
    score("segfault", "reads memory at address 0", "import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
    score("alarm", "is ended by its own alarm", "signal.alarm(1); time.sleep(60)", "crashed", "SIGALRM"),
    score("real_time", "ends by a real-time signal", "os.kill(os.getpid(), 40)", "crashed", "signal 40", often=True),
    score("terminates", "sends itself SIGTERM", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.2)", "crashed"),
    score(
        "processor_time",
        "lowers its limit of processor time and uses it up",
        """
        import resource
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        while True:
            pass
        """,
        "crashed",
    ),
    score("kills_group", "kills its process group", "os.killpg(0, 9)", "crashed", "SIGKILL"),
    score(
        "kills_parent",
        "kills the process that starts trials",
        "os.kill(os.getppid(), 9); time.sleep(60)",
        "crashed",
    ),
)
