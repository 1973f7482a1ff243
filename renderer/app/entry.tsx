import "@fontsource-variable/inter/wght.css";
import { openPipe, probe } from "../console/connect.ts";
import { mountConsole } from "./mount.tsx";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
mountConsole({ root, openPipe, probe });
