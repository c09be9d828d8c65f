// Reads {"body", "headers", "secrets"} as JSON from stdin; prints the type of the notification if one of the secrets
// verifies it by the published Standard Webhooks library, or ends with exit code 1.
import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const { body, headers, secrets } = JSON.parse(readFileSync(0, "utf8"));
for (const secret of secrets) {
  try {
    console.log(new Webhook(secret).verify(body, headers).type ?? "no type");
    process.exit(0);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
  }
}
console.error("no secret verifies it");
process.exit(1);
