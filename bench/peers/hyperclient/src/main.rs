// SPDX-License-Identifier: MIT
// hyper's client on Tokio's current_thread: client_get_64, see http/client.c.
//
//     hyperclient client_get_64 COUNT URL
use hyper::{body, client::HttpConnector, Client, StatusCode, Uri};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

async fn get_64(client: &Client<HttpConnector>, uri: &Uri, count: i64) {
    let left = Rc::new(Cell::new(count));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (client, uri, left) = (client.clone(), uri.clone(), left.clone());
            tokio::task::spawn_local(async move {
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    let answer = client.get(uri.clone()).await.unwrap();
                    assert_eq!(answer.status(), StatusCode::OK);
                    assert_eq!(&body::to_bytes(answer.into_body()).await.unwrap()[..], b"Hello, World!");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: i64 = arguments[2].parse().unwrap();
    let uri: Uri = arguments[3].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Client<HttpConnector> =
            Client::builder().pool_idle_timeout(Duration::from_secs(3600)).build(connector);
        get_64(&client, &uri, count / 10).await;
        // This thread is the only one: a literal address is not looked up.
        let (spent, began) = (cpu(), Instant::now());
        get_64(&client, &uri, count).await;
        println!("cpu_ns {}", (cpu() - spent) / count as f64);
        println!("wall_ns {}", began.elapsed().as_nanos() as f64 / count as f64);
    });
}
