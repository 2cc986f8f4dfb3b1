// bench/peers/go/bench_go.go - the work items on Go (golang-go), one thread of goroutines.
//
//	bench_go yield|create|handover [ops]   ns per operation
//	bench_go sleep N                       N goroutines sleep 1 s, all awaited; wall and RSS
//	bench_go echo PORT                     TCP echo, one goroutine per connection
//
// GOMAXPROCS is set to 1. The yield is runtime.Gosched; a goroutine is awaited through a channel
// that is reused (cheaper here than a WaitGroup); the hand-over is a channel with one slot. Go sets
// TCP_NODELAY on every connection by itself.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func report(item string, start time.Time, ops int) {
	fmt.Printf("item=%s ns=%.3f\n", item, float64(time.Since(start).Nanoseconds())/float64(ops))
}

func itemYield(ops int) {
	var group sync.WaitGroup
	start := time.Now()
	for t := 0; t < 2; t++ {
		group.Add(1)
		go func() {
			for i := 0; i < ops/2; i++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
	report("yield", start, ops/2*2)
}

func itemCreate(ops int) {
	count := 0
	done := make(chan struct{}, 1)
	body := func() {
		count++
		done <- struct{}{}
	}
	start := time.Now()
	for i := 0; i < ops; i++ {
		go body()
		<-done
	}
	report("create", start, ops)
	if count != ops {
		os.Exit(1)
	}
}

func itemHandover(ops int) {
	ch := make(chan int, 1)
	done := make(chan struct{})
	start := time.Now()
	go func() {
		for i := 0; i < ops; i++ {
			ch <- i
		}
	}()
	go func() {
		for i := 0; i < ops; i++ {
			if <-ch != i {
				panic("wrong value")
			}
		}
		close(done)
	}()
	<-done
	report("handover", start, ops)
}

func itemSleep(n int) {
	var group sync.WaitGroup
	start := time.Now()
	group.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			time.Sleep(time.Second)
			group.Done()
		}()
	}
	group.Wait()
	wall := time.Since(start).Seconds()
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	fmt.Printf("item=sleep n=%d wall_s=%.3f rss_kib=%d\n", n, wall, usage.Maxrss)
}

func serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 64*1024)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err = conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

func itemEcho(port int) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(conn)
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	item, count := "", 0
	if len(os.Args) > 1 {
		item = os.Args[1]
	}
	if len(os.Args) > 2 {
		count, _ = strconv.Atoi(os.Args[2])
	}
	ops := func(standard int) int {
		if count > 0 {
			return count
		}
		return standard
	}
	switch {
	case item == "yield":
		itemYield(ops(10000000))
	case item == "create":
		itemCreate(ops(3000000))
	case item == "handover":
		itemHandover(ops(10000000))
	case item == "sleep":
		itemSleep(ops(100000))
	case item == "echo" && count > 0:
		itemEcho(count)
	default:
		fmt.Fprintln(os.Stderr, "usage: bench_go yield|create|handover|sleep [count] | echo PORT")
		os.Exit(2)
	}
}
