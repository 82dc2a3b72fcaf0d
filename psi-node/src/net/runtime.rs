//! Keeps the work of QUIC on the network's threads, whoever opens a connection.
//!
//! Spec 08 §4. quinn runs each connection where it was opened, which would be among jobs that wait
//! for a disk. Called by quinn through [`quinn::Runtime`]; made by [`super::endpoint`].

use std::fmt;
use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, TokioRuntime};
use tokio::runtime::Handle;

/// One runtime of tokio's, for everything that quinn starts.
pub(super) struct NetworkRuntime(pub(super) Handle);

impl fmt::Debug for NetworkRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkRuntime")
    }
}

impl quinn::Runtime for NetworkRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let _here = self.0.enter();
        quinn::Runtime::new_timer(&TokioRuntime, at)
    }

    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(work);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let _here = self.0.enter();
        quinn::Runtime::wrap_udp_socket(&TokioRuntime, socket)
    }

    fn now(&self) -> Instant {
        quinn::Runtime::now(&TokioRuntime)
    }
}
