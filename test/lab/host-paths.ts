/* Where the lab mounts things into its hosts; build/lab, which may not import this, repeats it. */

/** settings, disk and hardware of the virtual XAPI */
export const hostFolder = "/opt/virtual/host";
/** what the host asks of its board controller: files, named in `xapi-service.ts` */
export const boardFolder = "/opt/virtual/board";
/** in the host's folder until it boots: the first time its guests are there already */
export const firstBootFile = "first-boot";
/** there from a boot to the end of power */
export const bootedFile = "/run/virtual-xapi-booted";
