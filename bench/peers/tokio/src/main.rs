//! bench/peers/tokio - the work items on tokio (librust-tokio-dev), current-thread runtime.
//!
//!     bench_tokio yield|create|handover [ops]   ns per operation
//!     bench_tokio sleep N                       N tasks sleep 1 s, all awaited; wall and RSS
//!     bench_tokio echo PORT                     TCP echo, one task per connection
//!
//! The yield is task::yield_now between two spawned tasks, create is spawn().await, the hand-over is
//! an mpsc channel with one slot. The task that measures is itself spawned: the block_on task is
//! woken through another, slower path.

use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task;

fn report(item: &str, start: Instant, ops: u64) {
    let ns = start.elapsed().as_nanos() as f64 / ops as f64;
    println!("item={} ns={:.3}", item, ns);
}

async fn yield_loop(count: u64) {
    for _ in 0..count {
        task::yield_now().await;
    }
}

async fn item_yield(ops: u64) {
    let start = Instant::now();
    let a = task::spawn(yield_loop(ops / 2));
    let b = task::spawn(yield_loop(ops / 2));
    a.await.unwrap();
    b.await.unwrap();
    report("yield", start, ops / 2 * 2);
}

async fn item_create(ops: u64) {
    let start = Instant::now();
    let mut count = 0;
    for _ in 0..ops {
        count += task::spawn(async { 1 }).await.unwrap();
    }
    report("create", start, ops);
    assert_eq!(count, ops);
}

async fn item_handover(ops: u64) {
    let (sender, mut receiver) = mpsc::channel::<u64>(1);
    let start = Instant::now();
    let a = task::spawn(async move {
        for i in 0..ops {
            sender.send(i).await.unwrap();
        }
    });
    let b = task::spawn(async move {
        for i in 0..ops {
            assert_eq!(receiver.recv().await, Some(i));
        }
    });
    a.await.unwrap();
    b.await.unwrap();
    report("handover", start, ops);
}

fn peak_kib() -> i64 {
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage.ru_maxrss as i64
    }
}

async fn item_sleep(n: u64) {
    let start = Instant::now();
    let mut tasks = Vec::with_capacity(n as usize);
    for _ in 0..n {
        tasks.push(task::spawn(tokio::time::sleep(Duration::from_secs(1))));
    }
    for handle in tasks {
        handle.await.unwrap();
    }
    let wall = start.elapsed().as_secs_f64();
    println!("item=sleep n={} wall_s={:.3} rss_kib={}", n, wall, peak_kib());
}

async fn serve(mut conn: TcpStream) {
    let mut buf = Vec::with_capacity(64 * 1024); // read_buf needs no zeroing, so pages stay untouched
    while let Ok(1..) = conn.read_buf(&mut buf).await {
        if conn.write_all(&buf).await.is_err() {
            return;
        }
        buf.clear();
    }
}

async fn item_echo(port: u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    let listener = socket.listen(4096).unwrap();
    println!("ready");
    loop {
        let (conn, _) = listener.accept().await.unwrap();
        conn.set_nodelay(true).unwrap();
        task::spawn(serve(conn));
    }
}

fn raise_file_limit() {
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let item = args.get(1).cloned().unwrap_or_default();
    let count: u64 = args.get(2).and_then(|s| s.parse().ok()).unwrap_or(0);
    let ops = |standard: u64| if count > 0 { count } else { standard };

    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let work = match item.as_str() {
            "yield" => task::spawn(item_yield(ops(5_000_000))),
            "create" => task::spawn(item_create(ops(5_000_000))),
            "handover" => task::spawn(item_handover(ops(5_000_000))),
            "sleep" => task::spawn(item_sleep(ops(100_000))),
            "echo" if count > 0 => task::spawn(item_echo(count as u16)),
            _ => {
                eprintln!("usage: bench_tokio yield|create|handover|sleep [count] | echo PORT");
                std::process::exit(2);
            }
        };
        work.await.unwrap();
    });
}
