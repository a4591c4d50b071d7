//! Stands between a client and the server, and sees how connections end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The last bytes of one direction, and whether it has ended.
#[derive(Clone, Default)]
pub struct Direction {
    pub last: Vec<u8>,
    pub ended: bool,
}

/// How many of the last bytes are kept.
const KEPT: usize = 256;

#[derive(Clone, Default)]
pub struct Proxy {
    /// Client to server and server to client, two for each connection.
    directions: Arc<Mutex<Vec<Direction>>>,
}

impl Proxy {
    pub async fn start(server: SocketAddr) -> (Self, SocketAddr) {
        let proxy = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.expect("the server");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(accepting.clone().carry(from_client, to_server));
                tokio::spawn(accepting.clone().carry(from_server, to_client));
            }
        });
        (proxy, address)
    }

    /// Carries one direction to its end, and passes the end on.
    async fn carry(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mine = {
            let mut directions = self.directions.lock().expect("the directions");
            directions.push(Direction::default());
            directions.len() - 1
        };
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut buffer).await.unwrap_or(0);
            {
                let mut directions = self.directions.lock().expect("the directions");
                let direction = &mut directions[mine];
                direction.last.extend(&buffer[..count]);
                let surplus = direction.last.len().saturating_sub(KEPT);
                direction.last.drain(..surplus);
                direction.ended = count == 0;
            }
            if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
                drop(to.shutdown().await);
                return;
            }
        }
    }

    pub fn directions(&self) -> Vec<Direction> {
        self.directions.lock().expect("the directions").clone()
    }
}
