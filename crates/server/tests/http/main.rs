//! The HTTP layer, as anybody meets it before any rule of OAuth: framing, sizes, methods, hosts, headers.
//! Where a client library would mend what is sent, the bytes go out on a socket of their own.

#[cfg(test)]
mod framing;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod wire;
