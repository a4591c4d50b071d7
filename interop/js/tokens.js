/** Shared access signatures as docs/reference/amqp.md §3.4 says, made here and not by the SDK. */

import { createHmac } from "node:crypto";

const seconds = (offset) => Math.floor(Date.now() / 1000) + offset;

export const anHourFromNow = () => seconds(3600);
export const anHourAgo = () => seconds(-3600);

export function sas(resource, policy, key, expiry = anHourFromNow()) {
  const sr = encodeURIComponent(resource);
  const signature = createHmac("sha256", key).update(`${sr}\n${expiry}`).digest("base64");
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${encodeURIComponent(policy)}`;
}

/** A token of the server's own policy and key. */
export const tokenOf = (server, resource, expiry) =>
  sas(resource, server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey"), expiry);
