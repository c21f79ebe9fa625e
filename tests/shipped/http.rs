//! A request to a shipped program, and its whole answer.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;

use super::process::DEADLINE;

/// Status and body of a request; an error unless the whole answer came.
pub fn request(method: &str, address: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    socket.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    parse(&answer, method == "HEAD")
        .ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "the answer broke off"))
}

fn parse(answer: &str, is_head: bool) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    if is_head {
        // The length that it says is that of a body which does not come.
        return body.is_empty().then(|| (status, String::new()));
    }
    if head.contains("transfer-encoding: chunked") {
        return Some((status, unchunked(body)?));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    (length.parse() == Ok(body.len())).then(|| (status, body.to_owned()))
}

fn unchunked(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole += rest.get(..size)?;
        body = rest.get(size + 2..)?;
    }
}
