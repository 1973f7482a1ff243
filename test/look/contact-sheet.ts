export interface Picture {
  readonly file: string;
  readonly screen: string;
  readonly pool: string;
  readonly scheme: "light" | "dark";
  readonly size: string;
  readonly faults: readonly string[];
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** One page with every picture, those with faults first, readable without a server. */
export function contactSheet(pictures: readonly Picture[]): string {
  const sorted = [...pictures].sort((a, b) => b.faults.length - a.faults.length);
  const figures = sorted.map((picture) => {
    const { file, screen, pool, scheme, size, faults } = picture;
    const list = faults.map((fault) => `<li>${escaped(fault)}</li>`).join("");
    return `<figure><a href="${escaped(file)}"><img loading="lazy" src="${escaped(file)}" alt=""></a>
<figcaption>${escaped(`${screen}, ${pool}, ${scheme}, ${size}`)}<ul>${list}</ul></figcaption></figure>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Skink, every screen</title>
<style>
body { font: 14px system-ui; margin: 16px; background: #777; color: #fff; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 16px; }
figure { margin: 0; } img { width: 100%; } ul { color: #fd0; margin: 4px 0; }
</style>
<h1>Skink, every screen</h1>
<main>
${figures.join("\n")}
</main>
</html>
`;
}
