//! What cannot be faster: the store's library and the loopback, with the same bytes and nothing of ours.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use p2pnode::limits::{MAX_COMMIT_BYTES, STORE_CACHE_BYTES};
use p2pnode::types::Header;
use redb::{Builder, TableDefinition};

use super::time;

const HEADERS: TableDefinition<'_, u64, &[u8; Header::LEN]> = TableDefinition::new("headers");
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");

/// Seconds that redb takes to make `blocks` (encoded, so that each begins with its header) durable in a new
/// file in `folder`, in transactions as large as the store's: headers and bodies, and no index.
pub fn commit(folder: &Path, blocks: &[Vec<u8>]) -> f64 {
    let file = folder.join("raw.redb");
    let _ = fs::remove_file(&file);
    let database = Builder::new().set_cache_size(STORE_CACHE_BYTES).create(&file).expect("a database");
    let (took, ()) = time(|| {
        let mut left = blocks.iter().enumerate().peekable();
        while left.peek().is_some() {
            let mut transaction = database.begin_write().expect("a transaction");
            transaction.set_quick_repair(true);
            {
                let mut headers = transaction.open_table(HEADERS).expect("a table");
                let mut bodies = transaction.open_table(BLOCKS).expect("a table");
                let mut bytes = 0;
                while bytes < MAX_COMMIT_BYTES
                    && let Some((at, block)) = left.next()
                {
                    let (header, _) = block.split_first_chunk().expect("a header");
                    headers.insert(at as u64, header).expect("written");
                    bodies.insert(at as u64, &block[..]).expect("written");
                    bytes += block.len();
                }
            }
            transaction.commit().expect("committed");
        }
    });
    drop(database);
    let _ = fs::remove_file(&file);
    took
}

/// Seconds that writing `pieces` to a file in `folder` takes, flushed at the end.
pub fn file(folder: &Path, pieces: &[Vec<u8>]) -> f64 {
    let path = folder.join("raw.file");
    let (took, ()) = time(|| {
        let mut file = File::create(&path).expect("a file");
        for piece in pieces.chunks(1 << 10) {
            file.write_all(&piece.concat()).expect("written");
        }
        file.sync_data().expect("flushed");
    });
    let _ = fs::remove_file(&path);
    took
}

/// Seconds that `bytes` take over a loopback connection of one thread to another, in writes of 64 KiB.
pub fn loopback(bytes: usize) -> f64 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    time(|| {
        let sender = thread::spawn(move || {
            let mut socket = TcpStream::connect(address).expect("a connection");
            let piece = vec![7; 64 << 10];
            let mut left = bytes;
            while left > 0 {
                let now = left.min(piece.len());
                socket.write_all(&piece[..now]).expect("written");
                left -= now;
            }
        });
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut room = vec![0; 64 << 10];
        while socket.read(&mut room).expect("read") > 0 {}
        sender.join().expect("it ends");
    })
    .0
}
