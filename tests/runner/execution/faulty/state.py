"""Plug-ins that change their process or their run's folder, and plug-ins that write where they should not."""

from .fault import score

# As the process of a trial tells the runner what it does; the name of its log is the key of its trial.
SEND = """
        import json
        key = os.path.basename(os.readlink("/proc/self/fd/1")).removesuffix(".log")
        def send(message, half=False):
            line = json.dumps(message).encode() + b"\\n"
            for fd in range(3, 200):
                try:
                    os.write(fd, line[:20] if half else line)
                except OSError:
                    pass
"""

PIPES = (
    score("closes_all", "closes all file descriptors", "os.closerange(0, 200)", "crashed", often=True),
    score("closes_output", "closes its output", "sys.stdout.close(); sys.stderr.close(); os.closerange(1, 3)", "ok"),
    score(
        "garbage",
        "writes into all file descriptors",
        """
        for fd in range(3, 200):
            try:
                os.write(fd, b"garbage\\n" * 100)
            except OSError:
                pass
        """,
        "crashed",
        often=True,
    ),
    score(
        "forges",
        "sends an outcome that is none",
        SEND
        + """
        send({"trial": key, "outcome": {"outcome": "splendid", "measurements": 7}})
        time.sleep(5)
        """,
        "crashed",
        "it sent an outcome that is none",
    ),
    score(
        "forges_for_another",
        "sends a message for another trial",
        SEND
        + """
        send({"trial": "0123456789abcdef", "done": 1, "total": 2})
        time.sleep(5)
        """,
        "crashed",
        "a message that does not name its trial",
    ),
    score(
        "forges_progress",
        "sends progress that is none",
        SEND
        + """
        send({"trial": key, "done": "many", "total": -3})
        time.sleep(5)
        """,
        "crashed",
        "a message that means nothing",
    ),
    score(
        "half_a_message",
        "sends half a message and never ends",
        SEND
        + """
        send({"trial": key, "done": 1, "total": 2}, half=True)
        time.sleep(1000)
        """,
        "timeout",
        "seconds",
    ),
    score(
        "floods_pipe",
        "sends progress without an end",
        SEND
        + """
        while True:
            send({"trial": key, "done": 1, "total": 2})
        """,
        "crashed",
        "messages",
    ),
)

STATE = (
    score("deletes_log", "deletes its log", 'os.unlink(os.readlink("/proc/self/fd/1"))', "ok or failed"),
    score(
        "deletes_checkpoints",
        "deletes the folder of checkpoints",
        """
        import shutil
        shutil.rmtree(os.path.dirname(os.readlink("/proc/self/fd/1")) + "/../checkpoints", ignore_errors=True)
        """,
        "ok",
    ),
    score("changes_folder", "changes the working directory", 'os.chdir("/")', "ok"),
    score("changes_environment", "empties the environment", "os.environ.clear(); os.umask(0o777)", "ok"),
    score("float64", "sets the default dtype", "torch.set_default_dtype(torch.float64)", "ok or failed"),
    score("many_threads", "sets 64 threads", "torch.set_num_threads(64)", "ok"),
    score("seeds", "seeds the generators of the process", "torch.manual_seed(0)", "ok"),
    score(
        "no_builtins", "replaces what Python has built in", "import builtins; builtins.len = None", "failed or crashed"
    ),
    score(
        "replaces_json",
        "replaces `json.dumps`",
        'import json; json.dumps = lambda *_, **__: "nonsense"',
        "crashed",
    ),
    score("replaces_save", "replaces `torch.save`", "torch.save = None", "ok"),
    score("no_modules", "empties the table of modules", "sys.modules.clear()", "failed or crashed"),
    score("nice", "lowers its priority", "os.nice(19)", "ok"),
    score(
        "few_files",
        "lowers its limit of open files",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
        "ok or failed or crashed",
    ),
    score(
        "small_files",
        "lowers its limit of file sizes",
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); print('x', flush=True)",
        "failed or crashed",
    ),
)
