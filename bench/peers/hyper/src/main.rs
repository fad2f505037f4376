// SPDX-License-Identifier: MIT
// hyper on Tokio's current_thread: http_plain, http_pipelined, http_idle.
use hyper::service::{make_service_fn, service_fn};
use hyper::{header, Body, Request, Response, Server};
use std::convert::Infallible;
use std::io::Write;

async fn hello(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::from("Hello, World!"));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let service = make_service_fn(|_| async { Ok::<_, Infallible>(service_fn(hello)) });
        let server = Server::bind(&([127, 0, 0, 1], 0).into())
            .http1_only(true)
            .http1_pipeline_flush(true)
            .tcp_nodelay(true)
            .serve(service);
        println!("port {}", server.local_addr().port());
        std::io::stdout().flush().unwrap();
        server.await.unwrap();
    });
}
