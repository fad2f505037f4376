// SPDX-License-Identifier: MIT
// Go's net/http: http_plain, http_pipelined, http_idle, http_json, http_static. The harness sets GOMAXPROCS=1.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

type user struct {
	ID     int      `json:"id"`
	Name   string   `json:"name"`
	Active bool     `json:"active"`
	Roles  []string `json:"roles"`
}

func plain(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", "13")
	io.WriteString(w, "Hello, World!")
}

func item(prefix string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, prefix))
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		json.NewEncoder(w).Encode(user{id, "Ada Lovelace", true, []string{"admin", "author", "reader"}})
	}
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", plain)
	for _, table := range strings.Fields("users posts comments albums photos todos tags teams orders invoices") {
		mux.HandleFunc("/api/"+table, plain)
		mux.HandleFunc("/api/"+table+"/", item("/api/"+table+"/"))
	}
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir(os.Getenv("BENCH_WWW")))))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, mux)
}
