"""Plug-ins that do something wrong when they are imported, or that register what they should not."""

from .fault import LEFT_OUT, file, whole

IMPORTED = (
    file("import_raises", "raises at import", 'raise RuntimeError("not today")', LEFT_OUT, "RuntimeError: not today"),
    file("import_exits", "raises `SystemExit` at import", "sys.exit(3)", LEFT_OUT),
    file("import_interrupts", "raises `KeyboardInterrupt` at import", "raise KeyboardInterrupt", LEFT_OUT),
    file("import_ends", "ends its process at import", "os._exit(0)", LEFT_OUT),
    file("import_kills", "kills its process at import", "os.kill(os.getpid(), 9)", LEFT_OUT, "SIGKILL", often=True),
    file("import_prints", "prints at import", 'print("hello"); print("hello", file=sys.stderr)', "ok"),
    file(
        "import_closes",
        "closes its output at import",
        "sys.stdout.close(); os.closerange(0, 3)",
        "ok or left out",
        often=True,
    ),
    file("import_replaces", "replaces its output at import", "sys.stdout = sys.stderr = None", "ok or left out"),
    file(
        "import_threads",
        "starts a thread at import that never ends",
        "import threading; threading.Thread(target=time.sleep, args=(1000,)).start()",
        "ok or left out",
    ),
    file(
        "import_children",
        "starts a child process at import and leaves it",
        "if os.fork() == 0:\n    time.sleep(1000)\n    os._exit(0)",
        "ok or left out",
    ),
    file(
        "import_handlers",
        "sets signal handlers at import",
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        """,
        "ok",
    ),
    file("import_folder", "changes the working directory at import", 'os.chdir("/")', "ok"),
    file(
        "import_float64", "sets the default dtype at import", "torch.set_default_dtype(torch.float64)", "ok or failed"
    ),
    whole("no_python", "is no Python", "def (", LEFT_OUT, "SyntaxError"),
    whole("no_text", "is no text", "x = '\x00'", LEFT_OUT, "null bytes"),
    file("imports_nothing", "imports what is not there", "import no_such_module_xyz", LEFT_OUT, "No module named"),
)

REGISTERED = (
    whole(
        "taken_name",
        "registers a name that is taken",
        '@ALIGNMENTS.register("dot")\nclass Dot(InnerProduct):\n    """e = 0"""',
        LEFT_OUT,
        "ValueError: alignment 'dot' is already registered",
    ),
    whole(
        "twice",
        "registers a name twice",
        """
        @ALIGNMENTS.register("twice")
        class One(InnerProduct):
            "e = 0"

        @ALIGNMENTS.register("twice")
        class Two(InnerProduct):
            "e = 0"
        """,
        LEFT_OUT,
        "already registered",
    ),
    whole(
        "bad_name",
        "registers a name that is no name",
        '@ALIGNMENTS.register("\\ud800")\nclass Bad(InnerProduct):\n    "e = 0"',
        LEFT_OUT,
    ),
    whole("no_class", "registers a function", 'ALIGNMENTS.register("{name}")(lambda *_: None)', LEFT_OUT),
    whole(
        "strange_setting",
        "has a setting that cannot be written down",
        '''
        @ALIGNMENTS.register("{name}")
        class Strange(InnerProduct):
            """e = 0"""

            def __init__(self, heads, query_dim, key_dim, *, function=lambda score: score):
                super().__init__(heads, query_dim, key_dim)
        ''',
        "failed or left out",
    ),
    whole(
        "strange_property",
        "declares a property that cannot be written down",
        '''
        @ALIGNMENTS.register("{name}")
        class Strange(InnerProduct):
            """e = 0"""

            reads_content = {1, 2}
        ''',
        "failed or left out",
    ),
)
