//! The mission's story on one machine, from nothing: a server, a sales-order API, people and
//! services with something to ask for.
//!
//! | module      | what it holds                                                   |
//! |-------------|-----------------------------------------------------------------|
//! | [`world`]   | who there is and what they may do                               |
//! | [`server`]  | `grantor serve` as a process of its own, to be killed           |
//! | [`orders`]  | the sales-order API: protected by `grantor-resource` only       |
//! | [`talk`]    | one request and its answer, said in a line                      |
//! | [`story`]   | the seven points that `--check` plays                           |

mod orders;
mod server;
mod story;
mod talk;
mod world;

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;

pub(crate) use story::play;
pub(crate) use world::Account;

use server::ServerProcess;
use world::World;

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) world: Arc<World>,
    pub(crate) server: ServerProcess,
    /// Where the sales-order API answers
    pub(crate) api: String,
    /// Removed at the end
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Makes the world and starts its programs.
    pub(crate) async fn set(port: u16) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let api = format!("http://{}", socket.local_addr()?);
        let port = if port == 0 { free_port().await? } else { port };
        let issuer = format!("http://127.0.0.1:{port}");
        let world = World::make(folder.path(), &issuer, &api).await?;
        let server = ServerProcess::start(folder.path(), port).await?;
        tokio::spawn(orders::serve(socket, issuer, api.clone(), world.order_book()));
        Ok(Self { world: Arc::new(world), server, api, _folder: folder })
    }

    /// The issuer, where the server answers.
    pub(crate) fn issuer(&self) -> &str {
        &self.world.issuer
    }
}

async fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}
