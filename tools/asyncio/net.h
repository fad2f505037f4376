/* SPDX-License-Identifier: MIT */
/* The two commands that talk HTTP: fetch and serve. Both get what follows their name, and give the
 * exit status. */
#pragma once

int run_fetch(int count, char **words);
int run_serve(int count, char **words);

extern const char fetch_usage[], serve_usage[];
