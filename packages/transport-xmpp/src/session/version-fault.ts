import type { XmlNode } from "../xml/xml-node.ts";

/**
 * Why a stream's start is of no version that is spoken here, a stream error; `null` if it is. Higher ones are answered with
 * 1.0, by which a client sees whether it can go on; one that says none is of 0.9 (RFC 6120 §4.7.5).
 */
export function versionFault(root: XmlNode): "unsupported-version" | null {
  const [, major] = /^(\d+)\.\d+$/.exec(root.attribute("version") ?? "") ?? [];
  return Number(major) >= 1 ? null : "unsupported-version";
}
