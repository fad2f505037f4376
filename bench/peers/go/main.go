// SPDX-License-Identifier: MIT
// Go: switch, spawn, spawn_batch, memory, timers_cancel, timers_fire, handover, queue, gather,
// echo. Goroutines and unbuffered channels;
// the harness sets GOMAXPROCS=1.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func figure(name string, value float64) { fmt.Printf("%s %.6g\n", name, value) }

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func memory() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	var sum int64
	for _, line := range strings.Split(string(status), "\n") {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d", &kib); n == 1 {
			sum += kib
		} else if n, _ := fmt.Sscanf(line, "VmPTE: %d", &kib); n == 1 {
			sum += kib
		}
	}
	return sum * 1024
}

func yielding(tasks, total int) {
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	each := total / tasks
	ready.Add(tasks)
	done.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			ready.Done()
			<-gate
			for j := 0; j < each; j++ {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	ready.Wait()
	begin := time.Now()
	close(gate)
	done.Wait()
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(each*tasks))
}

func spawnBatch(batch int) {
	var done sync.WaitGroup
	done.Add(batch)
	for j := 0; j < batch; j++ {
		go done.Done()
	}
	done.Wait()
}

func spawn(count, batch int) {
	begin := time.Now()
	for i := 0; i < count; i += batch {
		spawnBatch(batch)
	}
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(count))
}

func sleeping(count int) {
	before := memory()
	var ready sync.WaitGroup
	ready.Add(count)
	begin := time.Now()
	for i := 0; i < count; i++ {
		go func() {
			ready.Done()
			time.Sleep(time.Hour)
		}()
	}
	ready.Wait()
	runtime.Gosched()
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(count))
	figure("bytes", float64(memory()-before)/float64(count))
}

func timersCancel(count int) {
	timers := make([]*time.Timer, count)
	begin := time.Now()
	for i := range timers {
		timers[i] = time.AfterFunc(time.Duration(3600000+i*7919%1000)*time.Millisecond, func() {})
	}
	for _, timer := range timers {
		timer.Stop()
	}
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(count))
}

func timersFire(count int) {
	var done sync.WaitGroup
	done.Add(count)
	begin := cpu()
	for i := 0; i < count; i++ {
		time.AfterFunc(time.Duration(i*7919%1000)*time.Millisecond, done.Done)
	}
	done.Wait()
	figure("ns", float64(cpu()-begin)/float64(count))
}

func handover(count int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for value := range there {
			back <- value + 1
		}
	}()
	begin := time.Now()
	for i := 0; i < count; i += 2 {
		there <- i
		<-back
	}
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(count))
}

func queue(count int) {
	items := make(chan int, 1)
	begin := time.Now()
	go func() {
		for i := 0; i < count; i++ {
			items <- i
		}
		close(items)
	}()
	for range items {
	}
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(count))
}

func gather(count int) {
	many := 100000
	if count < many {
		many = count
	}
	begin := time.Now()
	for i := 0; i < count/many; i++ {
		spawnBatch(many)
	}
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(count/many*many))
}

func serve(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 64*1024)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err = conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func echo(secure bool) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if secure {
		folder := os.Getenv("BENCH_TLS")
		pair, err := tls.LoadX509KeyPair(folder+"/cert.pem", folder+"/key.pem")
		if err != nil {
			panic(err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go serve(conn)
	}
}

func main() {
	count := 1000
	if len(os.Args) > 2 {
		count, _ = strconv.Atoi(os.Args[2])
	}
	switch os.Args[1] {
	case "switch2":
		yielding(2, count)
	case "switch10k":
		yielding(10000, count)
	case "spawn":
		spawn(count, 1)
	case "spawn_batch":
		spawn(count, 1000)
	case "memory":
		sleeping(count)
	case "timers_cancel":
		timersCancel(count)
	case "timers_fire":
		timersFire(count)
	case "handover":
		handover(count)
	case "queue":
		queue(count)
	case "gather":
		gather(count)
	case "echo":
		echo(false)
	case "tls":
		echo(true)
	default:
		os.Exit(2)
	}
}
