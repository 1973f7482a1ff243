/** Prints the fingerprint of the certificate that the host's XAPI presents. */
export const fingerprintCommand =
  "openssl x509 -noout -fingerprint -sha256 -in /etc/xensource/xapi-ssl.pem";

/** Typing is a guard against haste, not a spelling test: case and blanks around do not count. */
export const isSameName = (typed: string, name: string): boolean =>
  typed.trim().toLowerCase() === name.trim().toLowerCase();
