import { readFileSync } from "node:fs";

/**
 * Versions of shared libraries that a 64-bit little-endian ELF program asks its loader for, such as
 * "GLIBC_2.17": the version needs section of the System V gABI's GNU extension (type 0x6ffffffe).
 */
export function neededVersions(file: string): readonly string[] {
  const elf = readFileSync(file);
  if (elf.toString("latin1", 0, 4) !== "\u007FELF" || elf[4] !== 2) throw new Error("no ELF64");
  const start = Number(elf.readBigUInt64LE(0x28));
  const size = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  const sectionAt = (index: number): { type: number; at: number; link: number; info: number } => {
    const base = start + index * size;
    return {
      type: elf.readUInt32LE(base + 4),
      at: Number(elf.readBigUInt64LE(base + 24)),
      link: elf.readUInt32LE(base + 40),
      info: elf.readUInt32LE(base + 44),
    };
  };
  const needs = Array.from({ length: count }, (_, index) => sectionAt(index)).find(
    ({ type }) => type === 0x6f_ff_ff_fe,
  );
  if (needs === undefined) throw new Error("the program asks for no version of anything");
  const names = sectionAt(needs.link).at;
  const found: string[] = [];
  let need = needs.at;
  for (let left = needs.info; left > 0; left -= 1) {
    let entry = need + elf.readUInt32LE(need + 8);
    for (let more = elf.readUInt16LE(need + 2); more > 0; more -= 1) {
      const name = names + elf.readUInt32LE(entry + 8);
      found.push(elf.toString("latin1", name, elf.indexOf(0, name)));
      entry += elf.readUInt32LE(entry + 12);
    }
    need += elf.readUInt32LE(need + 12);
  }
  return found;
}
