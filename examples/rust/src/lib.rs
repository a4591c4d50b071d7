//! Where the programs connect to: `EVENTHUB_CONNECTION_STRING` and `EVENTHUB_NAME`, or a `forebay dev` on this machine.

use std::env;

const DEV: &str = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";

/// The connection string.
pub fn connection() -> String {
    env::var("EVENTHUB_CONNECTION_STRING").unwrap_or_else(|_| DEV.to_owned())
}

/// The hub.
pub fn hub() -> String {
    env::var("EVENTHUB_NAME").unwrap_or_else(|_| "events".to_owned())
}

/// What the SDK has to dial. Of a connection string it takes the host alone, and knows no `UseDevelopmentEmulator`, which
/// means plain AMQP.
pub fn endpoint(connection: &str) -> String {
    let part = |name: &str| connection.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let scheme = if part("UseDevelopmentEmulator") == Some("true") { "amqp" } else { "amqps" };
    let endpoint = part("Endpoint").unwrap_or_default();
    let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
    format!("{scheme}://{host}")
}
