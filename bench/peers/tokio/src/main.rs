// SPDX-License-Identifier: MIT
//! Tokio, current_thread runtime: switch, spawn, spawn_batch, memory, timers_cancel, timers_fire, handover,
//! lock, semaphore, queue, cancel_group, gather, threadsafe_post, threadsafe_roundtrip, offload_post, offload_roundtrip, echo.

use std::future::Future;
use std::io::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::*};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, Mutex, Notify, Semaphore};
use tokio::task::{spawn, spawn_blocking, yield_now, JoinSet};

static DONE: AtomicI64 = AtomicI64::new(0);

fn figure(name: &str, value: f64) {
    println!("{name} {value:.6}");
}

fn per(begin: Instant, count: usize) {
    figure("ns", begin.elapsed().as_nanos() as f64 / count as f64);
}

/// Nanoseconds of CPU of the calling thread, which is the only one that works where this is used.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn memory() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = |line: &str| line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap();
    status.lines().filter(|l| l.starts_with("VmRSS:") || l.starts_with("VmPTE:")).map(kib).sum::<i64>() * 1024
}

async fn yielding(tasks: usize, total: usize) {
    let each = total / tasks;
    let gate = Arc::new(Notify::new());
    let started = Arc::new(AtomicU64::new(0));
    let mut handles = Vec::new();
    for _ in 0..tasks {
        let (gate, started) = (gate.clone(), started.clone());
        handles.push(spawn(async move {
            started.fetch_add(1, Relaxed);
            gate.notified().await;
            for _ in 0..each {
                yield_now().await;
            }
        }));
    }
    while started.load(Relaxed) < tasks as u64 {
        yield_now().await;
    }
    let begin = Instant::now();
    gate.notify_waiters();
    for handle in handles {
        handle.await.unwrap();
    }
    per(begin, each * tasks);
}

async fn spawning(count: usize, batch: usize) {
    let mut handles = Vec::with_capacity(batch);
    let begin = Instant::now();
    for _ in 0..count / batch {
        for _ in 0..batch {
            handles.push(spawn(async {}));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
    }
    per(begin, count / batch * batch);
}

async fn sleeping(count: usize) {
    let before = memory();
    let begin = Instant::now();
    for _ in 0..count {
        spawn(async {
            let sleep = tokio::time::sleep(Duration::from_secs(3600));
            DONE.fetch_add(1, Relaxed);
            sleep.await;
        });
    }
    while DONE.load(Relaxed) < count as i64 {
        yield_now().await;
    }
    per(begin, count);
    figure("bytes", (memory() - before) as f64 / count as f64);
}

fn delay(i: usize, base: u64) -> Duration {
    Duration::from_millis(base + (i as u64 * 7919) % 1000)
}

async fn timers_cancel(count: usize) {
    let mut timers = Vec::with_capacity(count);
    let begin = Instant::now();
    // Unconstrained: within one poll the cooperative budget would leave all but 128 of them unregistered.
    tokio::task::unconstrained(std::future::poll_fn(|cx: &mut Context<'_>| {
        for i in 0..count {
            let mut timer = Box::pin(tokio::time::sleep(delay(i, 3_600_000)));
            assert!(timer.as_mut().poll(cx).is_pending());
            timers.push(timer);
        }
        Poll::Ready(())
    }))
    .await;
    for timer in timers.drain(..) {
        drop(timer);
    }
    per(begin, count);
}

async fn timers_fire(count: usize) {
    let begin = cpu();
    for i in 0..count {
        spawn(async move {
            tokio::time::sleep(delay(i, 0)).await;
            DONE.fetch_add(1, Relaxed);
        });
    }
    while DONE.load(Relaxed) < count as i64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    figure("ns", (cpu() - begin) as f64 / count as f64);
}

async fn handover(count: usize) {
    let (there, mut at_there) = mpsc::channel::<usize>(1);
    let (back, mut at_back) = mpsc::channel::<usize>(1);
    spawn(async move {
        while let Some(value) = at_there.recv().await {
            back.send(value + 1).await.unwrap();
        }
    });
    let begin = Instant::now();
    for i in 0..count / 2 {
        there.send(i).await.unwrap();
        at_back.recv().await.unwrap();
    }
    per(begin, count / 2 * 2);
}

async fn lock(count: usize) {
    let mutex = Arc::new(Mutex::new(()));
    let player = |mutex: Arc<Mutex<()>>| async move {
        let mut guard = mutex.lock().await;
        yield_now().await; // the other one comes, and waits
        for _ in 0..count / 2 {
            drop(guard);
            guard = mutex.lock().await;
        }
        drop(guard);
    };
    let begin = Instant::now();
    let (a, b) = (spawn(player(mutex.clone())), spawn(player(mutex)));
    a.await.unwrap();
    b.await.unwrap();
    per(begin, count / 2 * 2);
}

async fn semaphore(count: usize) {
    let semaphore = Arc::new(Semaphore::new(1));
    let player = |semaphore: Arc<Semaphore>| async move {
        let mut permit = semaphore.acquire().await.unwrap();
        yield_now().await;
        for _ in 0..count / 2 {
            drop(permit);
            permit = semaphore.acquire().await.unwrap();
        }
        drop(permit);
    };
    let begin = Instant::now();
    let (a, b) = (spawn(player(semaphore.clone())), spawn(player(semaphore)));
    a.await.unwrap();
    b.await.unwrap();
    per(begin, count / 2 * 2);
}

async fn queue(count: usize) {
    let (put, mut get) = mpsc::channel::<usize>(1);
    let begin = Instant::now();
    let producer = spawn(async move {
        for i in 0..count {
            put.send(i).await.unwrap();
        }
    });
    let consumer = spawn(async move { while get.recv().await.is_some() {} });
    producer.await.unwrap();
    consumer.await.unwrap();
    per(begin, count);
}

const MANY: usize = 100_000;

async fn cancel_group(count: usize) {
    let many = count.min(MANY);
    let mut spent = Duration::ZERO;
    for _ in 0..count / many {
        let mut set = JoinSet::new();
        DONE.store(0, Relaxed);
        for _ in 0..many {
            set.spawn(async {
                DONE.fetch_add(1, Relaxed);
                tokio::time::sleep(Duration::from_secs(3600)).await;
            });
        }
        while DONE.load(Relaxed) < many as i64 {
            yield_now().await;
        }
        let begin = Instant::now();
        set.abort_all();
        while set.join_next().await.is_some() {}
        spent += begin.elapsed();
    }
    figure("ns", spent.as_nanos() as f64 / (count / many * many) as f64);
}

async fn gather(count: usize) {
    let many = count.min(MANY);
    let begin = Instant::now();
    for _ in 0..count / many {
        let mut set = JoinSet::new();
        for _ in 0..many {
            set.spawn(async {});
        }
        while let Some(result) = set.join_next().await {
            result.unwrap();
        }
    }
    per(begin, count / many * many);
}

async fn threadsafe_post(count: usize) {
    let runtime = tokio::runtime::Handle::current();
    let (end, ended) = oneshot::channel();
    let end = Arc::new(std::sync::Mutex::new(Some(end)));
    let thread = std::thread::spawn(move || {
        let begin = Instant::now();
        for _ in 0..count {
            let end = end.clone();
            runtime.spawn(async move {
                if DONE.fetch_add(1, Relaxed) + 1 == count as i64 {
                    end.lock().unwrap().take().unwrap().send(begin).unwrap();
                }
            });
        }
    });
    let begin = ended.await.unwrap();
    per(begin, count);
    thread.join().unwrap();
}

fn median(mut trips: Vec<u64>) {
    trips.sort_unstable();
    figure("ns", trips[trips.len() / 2] as f64);
}

async fn threadsafe_roundtrip(count: usize) {
    let runtime = tokio::runtime::Handle::current();
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut trips = Vec::with_capacity(count);
        let answered = Arc::new(AtomicU64::new(0));
        for i in 0..count {
            let (me, answered2) = (std::thread::current(), answered.clone());
            let begin = Instant::now();
            runtime.spawn(async move {
                answered2.fetch_add(1, Release);
                me.unpark();
            });
            while answered.load(Acquire) <= i as u64 {
                std::thread::park();
            }
            trips.push(begin.elapsed().as_nanos() as u64);
        }
        end.send(trips).unwrap();
    });
    median(ended.await.unwrap());
}

async fn offload_post(count: usize) {
    let mut handles = Vec::new();
    let begin = Instant::now();
    for _ in 0..1000 {
        handles.push(spawn(async move {
            for _ in 0..count / 1000 {
                spawn_blocking(|| {}).await.unwrap();
            }
        }));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    per(begin, count / 1000 * 1000);
}

async fn offload_roundtrip(count: usize) {
    let mut trips = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Instant::now();
        spawn_blocking(|| {}).await.unwrap();
        trips.push(begin.elapsed().as_nanos() as u64);
    }
    median(trips);
}

async fn echo() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    std::io::stdout().flush().unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        spawn(async move {
            let mut buffer = vec![0u8; 64 * 1024];
            while let Ok(n) = stream.read(&mut buffer).await {
                if n == 0 || stream.write_all(&buffer[..n]).await.is_err() {
                    break;
                }
            }
        });
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let count: usize = args.get(2).map_or(1000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .unwrap();
    // Spawned, not block_on's own future: a task is what the works are about.
    let run = |future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        runtime.block_on(async move { spawn(future).await.unwrap() })
    };
    match args[1].as_str() {
        "switch2" => run(Box::pin(yielding(2, count))),
        "switch10k" => run(Box::pin(yielding(10_000, count))),
        "spawn" => run(Box::pin(spawning(count, 1))),
        "spawn_batch" => run(Box::pin(spawning(count, 1000))),
        "memory" => run(Box::pin(sleeping(count))),
        "timers_cancel" => run(Box::pin(timers_cancel(count))),
        "timers_fire" => run(Box::pin(timers_fire(count))),
        "handover" => run(Box::pin(handover(count))),
        "lock" => run(Box::pin(lock(count))),
        "semaphore" => run(Box::pin(semaphore(count))),
        "queue" => run(Box::pin(queue(count))),
        "cancel_group" => run(Box::pin(cancel_group(count))),
        "gather" => run(Box::pin(gather(count))),
        "threadsafe_post" => run(Box::pin(threadsafe_post(count))),
        "threadsafe_roundtrip" => run(Box::pin(threadsafe_roundtrip(count))),
        "offload_post" => run(Box::pin(offload_post(count))),
        "offload_roundtrip" => run(Box::pin(offload_roundtrip(count))),
        "echo" => run(Box::pin(echo())),
        _ => std::process::exit(2),
    }
    std::process::exit(0) // a million sleeping tasks are not worth dropping
}
