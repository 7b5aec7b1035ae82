//! The mission's story on one machine, from nothing: a server, two APIs, a shop, people and services
//! with something to ask for.
//!
//! | module         | what it holds                                                   |
//! |----------------|-----------------------------------------------------------------|
//! | [`world`]      | who there is and what they may do                               |
//! | [`server`]     | `grantor serve` as a process of its own, to be killed           |
//! | [`orders`]     | the sales-order API: protected by `grantor-resource` only       |
//! | [`wishlist`]   | the wishlist API, the same way                                  |
//! | [`shop`]       | the shoe shop: people sign in to it through `grantor-client`    |
//! | [`talk`]       | one request and its answer, said in a line                      |
//! | [`tab`]        | a browser without a screen                                      |
//! | [`story`]      | the points that `--check` plays                                 |
//! | [`delegation`] | those of them in which a customer decides                       |
//! | [`screen`]     | the same in Chromium, with pictures                             |

mod delegation;
mod orders;
mod screen;
mod server;
mod shop;
mod story;
mod tab;
mod talk;
mod wishlist;
mod world;

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use grantor_client::ClientAuth;
use tokio::net::TcpListener;

pub(crate) use story::{play, play_in_browser};
pub(crate) use world::Account;

use crate::failure::Hint as _;
use server::ServerProcess;
use world::{Places, World};

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) world: Arc<World>,
    pub(crate) server: ServerProcess,
    /// Where the sales-order API answers
    pub(crate) api: String,
    /// Where the shoe shop is
    pub(crate) shop: String,
    /// Removed at the end
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Makes the world and starts its programs.
    pub(crate) async fn set(port: u16) -> anyhow::Result<Self> {
        if port != 0 {
            // Found now, and not after the world is made; another server there would answer for ours.
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
            free.with_context(|| format!("port {port} of 127.0.0.1 is not free"))
                .hint(server::PORT)?;
        }
        let folder = tempfile::tempdir()?;
        let (orders_door, api) = door(0).await?;
        let (wishlist_door, wishlist) = door(0).await?;
        // The next port, so that somebody who reads along finds it; any other will do.
        let next = if port == 0 { 0 } else { port.saturating_add(1) };
        let (shop_door, shop) = match door(next).await {
            Ok(found) => found,
            Err(_) => door(0).await?,
        };
        let port = if port == 0 { free_port().await? } else { port };
        let issuer = format!("http://127.0.0.1:{port}");
        let places = Places { issuer: issuer.clone(), orders: api.clone(), wishlist, shop };
        let world = World::make(folder.path(), &places).await?;
        let server = ServerProcess::start(folder.path(), port).await?;
        let Places { wishlist, shop, .. } = places;
        tokio::spawn(orders::serve(orders_door, issuer.clone(), api.clone(), world.order_book()));
        tokio::spawn(wishlist::serve(wishlist_door, issuer.clone(), wishlist.clone()));
        let client = ClientAuth::Basic {
            client_id: world.shoe_shop.name.clone(),
            secret: world.shoe_shop.secret.as_str().into(),
        };
        let at = shop::Address { shop: shop.clone(), api: wishlist };
        tokio::spawn(shop::serve(shop_door, issuer, client, at));
        Ok(Self { world: Arc::new(world), server, api, shop, _folder: folder })
    }

    /// The issuer, where the server answers.
    pub(crate) fn issuer(&self) -> &str {
        &self.world.issuer
    }
}

/// A listener on this machine, and its address.
async fn door(port: u16) -> anyhow::Result<(TcpListener, String)> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = format!("http://{}", door.local_addr()?);
    Ok((door, address))
}

async fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}
