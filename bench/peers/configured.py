#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nginx and h2o: writes their configuration, prints `port N`, and becomes the server.

    configured.py nginx|nginx-reopens|h2o FOLDER WORK 0       FOLDER: for the configuration and what they write

One process, one thread, no access log, keep-alive without an end; sendfile, and for files what their manuals advise: descriptors that
stay open. `nginx-reopens` has no open_file_cache, as nginx has none unless it is told: each request opens its file, as ours do.
"""
import os
import pathlib
import socket
import sys

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; multi_accept on; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    open_file_cache max=100 inactive=3600s;
    open_file_cache_valid 60s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = / {{ default_type text/plain; return 200 "Hello, World!"; }}
        location /numbered/ {{ default_type text/plain; return 200 "Hello, World!"; }}
        location /static/ {{ alias {www}/; default_type application/octet-stream; }}
    }}
}}
"""

# There is no answer of a fixed text in h2o but by mruby, which Debian leaves out: the thirteen bytes are a file, as its
# users do it; it keeps small ones in memory for a while.
H2O = """
num-threads: 1
max-connections: 16384
http1-request-timeout: 3600
hosts:
  default:
    listen: {{ host: 127.0.0.1, port: {port} }}
    paths:
      /static/: {{ file.dir: {www} }}
      /: {{ file.dir: {folder}/root }}
"""


def main():
    name, folder, _work = sys.argv[1:4]
    folder = pathlib.Path(folder) / name
    (folder / "root").mkdir(parents=True, exist_ok=True)
    (folder / "root/index.html").write_text("Hello, World!")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = {"folder": folder, "port": port, "www": os.environ.get("BENCH_WWW", folder)}
    path = folder / f"{port}.conf"
    text = (H2O if name == "h2o" else NGINX).format(**words)
    if name == "nginx-reopens":
        text = "".join(line for line in text.splitlines(True) if "open_file_cache" not in line)
    path.write_text(text)
    print("port", port, flush=True)
    argv = ["nginx", "-p", str(folder), "-c", str(path)] if name != "h2o" else ["h2o", "-c", str(path)]
    os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"
    os.execvp(argv[0], argv)


main()
