#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the names of the public headers to Python's: names are derived, not invented.

    names_test.py                what is in include/asyncio, against Python 3.14 and docs/python.md
    names_test.py --list         also what of Python's asyncio has no counterpart yet
    names_test.py --self-test    proves that it can fail

asyncio.wait_for is asyncio_wait_for; class TaskGroup is asyncio_task_group, its methods asyncio_task_group_create_task; words
are split at capitals. A name may then end in one of our words (WORDS). Everything else has to be in OURS, with the reason.
Fails on a name that is neither, on a reason without a name, on a part of Python's front page that is missing, on a macro
whose bare name is no function, and where docs/python.md does not agree with the headers.
"""
import fnmatch
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The functions of Python 3.14's asyncio, and of contextvars.
FUNCTIONS = """
    all_tasks as_completed create_eager_task_factory create_subprocess_exec create_subprocess_shell create_task current_task
    eager_task_factory ensure_future gather get_event_loop get_running_loop iscoroutine isfuture new_event_loop
    open_connection open_unix_connection run run_coroutine_threadsafe set_event_loop shield sleep start_server
    start_unix_server timeout timeout_at to_thread wait wait_for wrap_future capture_call_graph format_call_graph
    print_call_graph future_add_to_awaited_by future_discard_from_awaited_by copy_context staggered_race
""".split()
FUTURE = "add_done_callback cancel cancelled done exception get_loop remove_done_callback result set_exception set_result"
# What it is called here, where that is not the class name split at its capitals: several classes can be one type.
CALLED = {
    "AbstractEventLoop": "loop", "TimerHandle": "handle", "StreamReader": "stream", "StreamWriter": "stream",
    "WriteTransport": "stream", "concurrent.futures.Future": "concurrent_future", "concurrent.futures.Executor": "executor",
    "concurrent.futures.ThreadPoolExecutor": "thread_pool_executor", "contextvars.ContextVar": "context_var",
    "ssl.SSLContext": "ssl_context",
    "contextvars.Context": "context", "contextvars.Token": "context_token", "contextlib.AsyncExitStack": "exit_stack",
}
METHODS = {
    "AbstractEventLoop": """
        add_reader add_signal_handler add_writer call_at call_exception_handler call_later call_soon call_soon_threadsafe close
        connect_accepted_socket connect_read_pipe connect_write_pipe create_connection create_datagram_endpoint create_future
        create_server create_task create_unix_connection create_unix_server default_exception_handler get_debug
        get_exception_handler get_task_factory getaddrinfo getnameinfo is_closed is_running remove_reader remove_signal_handler
        remove_writer run_forever run_in_executor run_until_complete sendfile set_debug set_default_executor
        set_exception_handler set_task_factory shutdown_default_executor sock_accept sock_connect sock_recv sock_recv_into
        sock_recvfrom sock_recvfrom_into sock_sendall sock_sendfile sock_sendto start_tls stop subprocess_exec subprocess_shell
        slow_callback_duration time""",
    "Future": FUTURE,
    "Task": """add_done_callback cancel cancelled cancelling done exception get_context get_coro get_loop get_name get_stack
        print_stack remove_done_callback result set_name uncancel""",
    "Handle": "cancel cancelled get_context",
    "TimerHandle": "when",
    "Runner": "close get_loop run",
    "Timeout": "expired reschedule when",
    "TaskGroup": "create_task cancel",
    "Server": """abort_clients close close_clients get_loop is_serving serve_forever sockets start_serving wait_closed""",
    "StreamReader": "at_eof exception feed_data feed_eof read readexactly readline readuntil set_exception",
    "StreamWriter": "can_write_eof close drain get_extra_info is_closing start_tls wait_closed write write_eof writelines",
    "WriteTransport": "abort get_write_buffer_limits get_write_buffer_size set_write_buffer_limits",
    "DatagramTransport": "abort close get_extra_info get_protocol get_write_buffer_size is_closing sendto set_protocol set_write_buffer_limits",
    "DatagramProtocol": "",
    "SubprocessTransport": "close get_pid get_pipe_transport get_protocol get_returncode is_closing kill send_signal set_protocol terminate",
    "SubprocessProtocol": "",
    "Process": "communicate kill pid returncode send_signal stderr stdin stdout terminate wait",
    "Lock": "acquire locked release", "Event": "clear is_set set wait", "Condition": "acquire locked notify notify_all release wait wait_for",
    "Semaphore": "acquire locked release", "BoundedSemaphore": "",
    "Barrier": "abort broken n_waiting parties reset wait",
    "Queue": "empty full get get_nowait join maxsize put put_nowait qsize shutdown task_done",
    "PriorityQueue": "", "LifoQueue": "", "FutureCallGraph": "", "FrameCallGraphEntry": "",
    "concurrent.futures.Future": FUTURE.replace("get_loop ", "").replace("remove_done_callback ", "") + " running",
    "concurrent.futures.Executor": "map shutdown submit", "concurrent.futures.ThreadPoolExecutor": "",
    "contextvars.ContextVar": "get name reset set", "contextvars.Context": "copy get items keys run values",
    "ssl.SSLContext": "load_cert_chain load_default_certs load_verify_locations set_alpn_protocols set_ciphers",
    "contextvars.Token": "old_value var", "contextlib.AsyncExitStack": "callback push_async_callback pop_all",
}
# `async with` and `for`, as pairs of calls.
SCOPES = ("task_group", "timeout", "timeout_at", "runner", "exit_stack", "as_completed", "lock", "condition", "semaphore")
WORDS = ("new", "ref", "unref", "init", "fini", "nowait", "future", "all", "view", "options", "callback")

# The names that Python has no word for, and why they are there.
OURS = {
    "asyncio_coro asyncio_coro_copy asyncio_coro_ret asyncio_coro_on_close":
        "calling a C function runs it: a coroutine object has to be made",
    "asyncio_executor_type asyncio_work asyncio_work_run asyncio_work_cancel":
        "an executor of one's own, for which Python derives a class",
    "asyncio_coroutine_type asyncio_coro_of": "coroutines of one's own kind, for which Python has __await__, send and throw",
    "asyncio_await asyncio_awaitable": "C has no keyword for it",
    "asyncio_task_value asyncio_future_value asyncio_gather_future_results asyncio_future_cancel_message":
        "a result is an int; what else belongs to it is asked for",
    "asyncio_error asyncio_error_name asyncio_error_class asyncio_error_text asyncio_error_code asyncio_last_error "
    "asyncio_raise asyncio_print_exception": "C has no exceptions: numbers, their names, and records for people",
    "asyncio_alloc asyncio_strdup asyncio_printf asyncio_defer": "C has no garbage collector: memory and calls of a scope",
    "asyncio_set_allocator asyncio_reallocate": "whose memory the library uses",
    "asyncio_mem_malloc asyncio_mem_calloc asyncio_mem_realloc asyncio_mem_free asyncio_mem_strdup": "that memory, for libraries on top",
    "asyncio_error_row asyncio_error_table asyncio_error_table_add": "the errors of a library on top",
    "asyncio_*_callback asyncio_client_connected asyncio_exception_handler asyncio_task_factory asyncio_return_when":
        "the types of Python's parameters have names",
    "asyncio_eager_task_constructor": "what create_eager_task_factory returns: C has no closures",
    "asyncio_loop_set_slow_callback_duration": "Python assigns to an attribute",
    "asyncio_loop_get_stats asyncio_loop_stats": "what a loop has done so far",
    "asyncio_exception_context asyncio_frame": "Python's dict for an exception handler, and its frame object",
    "asyncio_subprocess_stream asyncio_process_output": "PIPE, STDOUT and DEVNULL; what communicate returns, for which Python has a tuple",
    "asyncio_open asyncio_close asyncio_read asyncio_pread asyncio_write asyncio_pwrite asyncio_fsync "
    "asyncio_fdatasync asyncio_ftruncate asyncio_stat asyncio_lstat asyncio_fstat asyncio_rename "
    "asyncio_unlink asyncio_rmdir asyncio_mkdir asyncio_listdir asyncio_read_file asyncio_open_options "
    "asyncio_mkdir_options asyncio_read_file_options":
        "files: Python's asyncio has none, POSIX has the names",
    "asyncio_datagram asyncio_datagram_transport_receive asyncio_datagram_transport_send asyncio_datagram_transport_join_group "
    "asyncio_datagram_transport_leave_group asyncio_datagram_transport_set_multicast asyncio_datagram_transport_sockname":
        "datagrams by straight-line calls, many at a time; what Python asks of the socket",
    "asyncio_call_options asyncio_watch_options asyncio_subprocess_options "
    "asyncio_loop_subprocess_options asyncio_connect_pipe_options asyncio_loop_connect_pipe_options": "options that several methods share",
    "asyncio_loop_fileno asyncio_loop_step asyncio_loop_timeout": "a foreign loop drives ours",
    "asyncio_loop_backend": "which of our three backends, and why",
    "asyncio_loop_start_watchdog asyncio_loop_stop_watchdog asyncio_watchdog_options asyncio_watchdog_report":
        "who blocks the loop",
    "asyncio_loop_dump_tasks asyncio_loop_dump_tasks_on_signal": "all tasks, what they wait for and their stacks",
    "asyncio_as_completed_next": "Python's __next__",
    "asyncio_thread_queue asyncio_thread_queue_*": "a queue between threads and loops",
    "asyncio_thread_cancelled": "a thread's function that can be asked to give up",
    "asyncio_server_port asyncio_server_connections asyncio_server_sockname asyncio_stream_peername "
    "asyncio_stream_sockname":
        "what Python's sockets and get_extra_info are asked for",
    "asyncio_addr asyncio_nameinfo": "Python's tuples of host and port",
    "asyncio_freeaddrinfo": "C's end of what asyncio_loop_getaddrinfo gives",
    "asyncio_loop_set_resolver asyncio_loop_set_resolver_options": "the limits of name look-ups, which Python leaves to its executor",
    "asyncio_connect_accepted_socket asyncio_connect_read_pipe asyncio_connect_write_pipe":
        "the loop's methods of these names, to a stream",
    "asyncio_server_shutdown": "close, wait_closed, close_clients and abort_clients in their order, with a limit",
    "asyncio_server_stop_serving": "accepting rests, and the sockets stay: for a successor that accepts from the same ones",
    "asyncio_ssl_create_default_context asyncio_ssl_create_default_context_options asyncio_ssl_purpose "
    "asyncio_ssl_verify_mode asyncio_ssl_version asyncio_ssl_options": "what of Python's module ssl is no class of asyncio's",
    "asyncio_ssl_context_set_verify_mode asyncio_ssl_context_set_check_hostname asyncio_ssl_context_set_minimum_version "
    "asyncio_ssl_context_set_options "
    "asyncio_ssl_context_set_maximum_version asyncio_ssl_context_set_sni_callback "
    "asyncio_ssl_context_set_sni_callback_options asyncio_ssl_sni_callback": "Python assigns to attributes of a context",
    "asyncio_transport asyncio_transport_*": "Python's Transport has its methods from its bases",
    "asyncio_protocol asyncio_protocol_methods asyncio_protocol_factory asyncio_datagram_protocol_methods "
    "asyncio_datagram_protocol_factory asyncio_subprocess_protocol_methods asyncio_subprocess_protocol_factory":
        "a class of Python's is a table of functions here, and what makes its objects a function",
    "asyncio_stream_fill asyncio_stream_peek asyncio_stream_consume": "reads that lend the stream's buffer",
    "asyncio_stream_is_readable": "whether a read would wait, for who keeps connections",
}

# Python's front page: what a program cannot do without. Words after a colon are keyword arguments.
FRONT_PAGE = """
    coro coro_copy coro_ret coro_on_close iscoroutine isfuture await
    future future_new future_add_done_callback future_cancel future_cancelled future_done future_exception future_get_loop
    future_remove_done_callback future_result future_set_exception future_set_result wrap_future
    run:debug,loop_factory,shutdown_timeout runner_enter runner_run:context runner_get_loop runner_exit
    create_task:name,context,eager_start,stack_size sleep gather gather_all:return_exceptions gather_future shield
    shield_future wait_for wait:timeout,return_when as_completed_enter as_completed_next as_completed_exit
    timeout_enter timeout_exit timeout_at_enter timeout_reschedule timeout_when timeout_expired
    task_group_enter task_group_create_task task_group_exit to_thread:abandon
    run_coroutine_threadsafe concurrent_future_result concurrent_future_cancel current_task all_tasks ensure_future
    eager_task_factory create_eager_task_factory staggered_race task_cancel task_cancelling task_uncancel task_cancelled task_done task_result task_value task_exception
    task_add_done_callback task_remove_done_callback task_get_stack task_print_stack task_get_coro task_get_name task_set_name
    task_get_context
    get_running_loop loop_new new_event_loop set_event_loop get_event_loop loop_create_future loop_create_task loop_call_soon
    loop_call_later loop_call_at loop_call_soon_threadsafe handle_cancel handle_cancelled handle_when loop_time
    loop_run_forever loop_run_until_complete loop_stop loop_close loop_is_running loop_is_closed loop_set_exception_handler
    loop_get_exception_handler loop_call_exception_handler loop_default_exception_handler loop_set_task_factory
    loop_get_task_factory loop_run_in_executor loop_set_default_executor loop_shutdown_default_executor loop_add_reader
    loop_remove_reader loop_add_writer loop_remove_writer loop_add_signal_handler loop_remove_signal_handler loop_set_debug
    loop_get_debug loop_get_stats loop_fileno loop_step
    context_var context_var_get context_var_set context_var_reset copy_context context_run exit_stack_enter exit_stack_exit
    alloc strdup printf defer loop_start_watchdog loop_stop_watchdog
    open_connection start_server server_serve_forever server_close server_wait_closed stream_read stream_readline
    stream_readexactly stream_readuntil stream_readuntil_view stream_fill stream_peek stream_consume stream_write
    stream_write_nowait stream_writelines stream_drain stream_write_eof stream_close stream_is_closing stream_wait_closed
    stream_at_eof
""".split()

# Macros that are no functions: the compiler's own work, or the short form of one that is a function.
NOT_A_FUNCTION = {
    "asyncio_coro": "what it checks is known when compiling", "asyncio_coro_copy": "as asyncio_coro",
    "asyncio_coro_ret": "as asyncio_coro", "asyncio_coro_on_close": "as asyncio_coro",
    "asyncio_iscoroutine": "a constant", "asyncio_isfuture": "a constant",
    "asyncio_gather": "asyncio_gather_all",
}


def snake(name):
    return CALLED.get(name) or re.sub(r"(?<=.)(?=[A-Z])", "_", name.split(".")[-1]).lower()


def derived():
    """Every name that follows from Python's, and which of them are types."""
    types = {"asyncio_" + snake(c) for c in METHODS}
    names = types | {"asyncio_" + f for f in FUNCTIONS}
    for cls, methods in METHODS.items():
        names |= {f"asyncio_{snake(cls)}_{m}" for m in methods.split()}
    names |= {f"asyncio_{s}_{w}" for s in SCOPES for w in ("enter", "exit")}
    return names, types


def follows(name, names):
    """From Python's name, perhaps with one of our words at its end."""
    if name in names:
        return True
    stem, _, word = name.rpartition("_")
    if word not in WORDS:
        return False
    methods = {n for m in METHODS.values() for n in m.split()}
    return follows(stem, names) or (word == "options" and stem[len("asyncio_"):] in methods)


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


class Headers:
    def __init__(self, texts):
        text = "\n".join(without_comments(t) for t in texts)
        self.all = set(re.findall(r"\b(asyncio_[a-z0-9]\w*)", text))
        self.macros = set(re.findall(r"^#define (asyncio_[a-z0-9]\w*)\(", text, re.M))
        code = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
        self.functions = set(re.findall(r"\b(asyncio_[a-z0-9]\w*)\s*\(", code))
        self.fields = {m.group(1): m.group(2) for m in
                       re.finditer(r"typedef struct (\w+) \{(.*?)^\} \1;", code, re.M | re.S)}

    def takes(self, function, keyword):
        """Whether the options of a function have that field."""
        shared = {"asyncio_runner_run": "asyncio_runner_run_options", "asyncio_gather_all": "asyncio_gather_options"}
        fields = self.fields.get(shared.get(function, function + "_options"), "")
        return re.search(rf"\b{keyword}\b", fields) is not None


def check(headers, guide):
    """What is wrong, in sentences."""
    wrong = []
    names, _ = derived()
    allowed = {pattern: reason for group, reason in OURS.items() for pattern in group.split()}
    used = set()
    for name in sorted(headers.all):
        if follows(name, names):
            continue
        matching = [p for p in allowed if fnmatch.fnmatchcase(name, p)]
        used |= set(matching)
        if not matching:
            wrong.append(f"{name}: follows from no name of Python's, and there is no reason for it here")
    wrong += [f"{p}: there is a reason for it here, and no such name" for p in allowed if p not in used]
    for entry in FRONT_PAGE:
        word, _, keywords = entry.partition(":")
        name = "asyncio_" + word
        if name not in headers.all:
            wrong.append(f"{name}: is on Python's front page, and missing")
        wrong += [f"{name}: lacks .{k}" for k in keywords.split(",") if k and not headers.takes(name, k)]
    for name in sorted(headers.macros - headers.functions):
        if name not in NOT_A_FUNCTION:
            wrong.append(f"{name}: is a macro, and its bare name is no function")
    wrong += [f"{n}: is said to be no function, and is one, or is gone" for n in NOT_A_FUNCTION
              if n in headers.functions or n not in headers.macros]
    if guide is not None:
        said = set(re.findall(r"\b(asyncio_[a-z0-9]\w*)", guide))
        wrong += [f"{n}: docs/python.md speaks of it, and no header has it" for n in sorted(said - headers.all)]
        front = {"asyncio_" + e.partition(":")[0] for e in FRONT_PAGE}
        wrong += [f"{n}: docs/python.md does not speak of it" for n in sorted((front & headers.all) - said)]
    return wrong


def read_all():
    texts = []
    for path in sorted(glob.glob(os.path.join(ROOT, "include", "asyncio", "*.h"))):
        if os.path.basename(path) != "cxx.h":
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
    return Headers(texts)


def read_guide():
    try:
        with open(os.path.join(ROOT, "docs", "python.md"), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def self_test():
    good = read_all()
    base = check(good, None)

    def more(text, guide=None):
        made = read_all()
        extra = Headers([text])
        made.functions -= extra.all
        made.all |= extra.all
        made.macros |= extra.macros
        made.functions |= extra.functions
        return [w for w in check(made, guide) if w not in base]

    assert not more("int asyncio_wait_for_all(int x);\nint asyncio_queue_get_nowait(void);\nint asyncio_lock_new(void);")
    assert more("int asyncio_wait_until(int x);"), "an invented name was not seen"
    assert more("int asyncio_task_join(int x);"), "an invented method was not seen"
    assert more("#define asyncio_start_unix_server(x) (x)"), "a macro without a function was not seen"
    assert not more("int asyncio_start_unix_server(int x);\n#define asyncio_start_unix_server(x) (asyncio_start_unix_server)(x)")
    made = read_all()
    made.all.discard("asyncio_shield")
    assert any("asyncio_shield:" in w for w in check(made, None)), "a missing name was not seen"
    made = read_all()
    made.fields["asyncio_create_task_options"] = "size_t size;"
    assert any("lacks .name" in w for w in check(made, None)), "a missing keyword was not seen"
    assert more("", "asyncio_nothing"), "a wrong guide was not seen"
    print("names: the checks can fail")
    return 0


def main(words):
    if words == ["--self-test"]:
        return self_test()
    headers, guide = read_all(), read_guide()
    wrong = check(headers, guide)
    names, _ = derived()
    absent = sorted(names - headers.all)
    if "--list" in words:
        print("Python's, and not here yet:\n  " + "\n  ".join(absent))
        ours = [n for n in sorted(headers.all) if not follows(n, names)]
        print("Ours, with a reason:\n  " + "\n  ".join(ours))
    print("\n".join(wrong))
    print(f"names: {len(headers.all)} names, {len(headers.all & names)} of them Python's as they are, "
          f"{len(FRONT_PAGE)} of its front page looked for, {len(absent)} of its names not here yet"
          + ("" if guide is not None else "; there is no docs/python.md"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
