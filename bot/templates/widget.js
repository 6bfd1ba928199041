// The chat of {{ department.short_name | tojson }} on another site: a round button and a frame, nothing else.
// Add it with one tag: <script src="https://…/widget.js" async></script>
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.khcnWidget) return;
  window.khcnWidget = true;
  const base = new URL(script.src).origin;
  const name = {{ department.short_name | tojson }};
  const texts = {
    open: `Hỏi ${name}`,
    close: "Đóng khung trò chuyện",
    title: `Trợ lý tự động của ${name}`,
    failed: "Khung trò chuyện chưa mở được ở trang này.",
    link: "Mở trang trò chuyện",
  };
  const READY_MS = 10000;
  const css = `
    :host { all: initial; }
    * { box-sizing: border-box; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; }
    button { border: 0; cursor: pointer; color: #fff; background: #0d4f4a; display: grid; place-items: center; padding: 0; }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #0d4f4a; }
    .launcher { position: fixed; right: max(16px, env(safe-area-inset-right)); bottom: max(16px, env(safe-area-inset-bottom));
      width: 60px; height: 60px; border-radius: 50%; box-shadow: 0 0 0 2px #e3c078 inset, 0 6px 20px #0006; z-index: 2147483000; }
    .launcher svg { width: 34px; height: 34px; }
    .panel { position: fixed; right: max(16px, env(safe-area-inset-right)); bottom: 88px; width: 400px;
      height: min(680px, calc(100vh - 108px)); border-radius: 16px; overflow: hidden; background: #f6f3ec; z-index: 2147483000;
      box-shadow: 0 12px 40px #0005; }
    .panel[hidden] { display: none; }
    iframe { position: relative; width: 100%; height: 100%; border: 0; display: block; }
    .close { position: absolute; top: 8px; right: 8px; width: 44px; height: 44px; border-radius: 12px; background: transparent; }
    .close svg { width: 24px; height: 24px; }
    .failed { position: absolute; z-index: 1; inset: 64px 24px auto; margin: 0; color: #1d2a2a; background: #f6f3ec; }
    .failed a { color: #0b5d57; display: inline-block; padding: 10px 0; }
    .bar { position: absolute; inset: 0 0 auto; height: 60px; background: #0d4f4a; }
    @media (max-width: 480px), (max-height: 480px) {
      .panel { inset: 0; width: 100%; height: 100%; border-radius: 0; }
      .open .launcher { display: none; }
    }
    @media (prefers-reduced-motion: no-preference) { .panel { animation: rise .18s ease-out; } }
    @keyframes rise { from { transform: translateY(12px); opacity: 0; } }
    @media print { .root { display: none; } }`;

  const make = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const drawing = (path, filled) => {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    const line = document.createElementNS(space, "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    line.setAttribute("fill", filled ? "currentColor" : "none");
    line.setAttribute("stroke", "currentColor");
    line.setAttribute("stroke-width", "1.8");
    line.setAttribute("stroke-linecap", "round");
    line.setAttribute("stroke-linejoin", "round");
    svg.append(line);
    return svg;
  };

  const host = make("div", {});
  const root = host.attachShadow({ mode: "open" });
  try {
    const sheet = new CSSStyleSheet(); // not subject to a site's rule against inline styles
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.append(make("style", { textContent: css }));
  }
  const launcher = make("button", { type: "button", className: "launcher", title: texts.open },
    drawing("M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2ZM8 9.500h8M8 12.700h5", false));
  const close = make("button", { type: "button", className: "close", title: texts.close },
    drawing("m6 6 12 12M18 6 6 18", false));
  const panel = make("div", { className: "panel", hidden: true, id: "panel" });
  const all = make("div", { className: "root" }, panel, launcher);
  launcher.setAttribute("aria-label", texts.open);
  launcher.setAttribute("aria-expanded", "false");
  launcher.setAttribute("aria-controls", "panel");
  close.setAttribute("aria-label", texts.close);
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", texts.title);
  root.append(all);

  let frame = null;
  let ready = false;
  const create = () => {
    frame = make("iframe", { src: `${base}/widget`, title: texts.title });
    panel.append(make("div", { className: "bar" }), frame, close);
    setTimeout(() => {
      if (ready) return;
      const link = make("a", { href: `${base}/`, target: "_blank", rel: "noopener", textContent: texts.link });
      panel.append(make("p", { className: "failed", textContent: `${texts.failed} ` }, link));
    }, READY_MS);
  };
  const show = (open) => {
    if (open && !frame) create();
    panel.hidden = !open;
    all.classList.toggle("open", open);
    launcher.setAttribute("aria-expanded", String(open));
    if (open) frame.focus();
    else launcher.focus();
  };
  launcher.addEventListener("click", () => show(panel.hidden));
  close.addEventListener("click", () => show(false));
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) show(false);
  });
  window.addEventListener("message", (event) => {
    if (event.origin !== base || !frame || event.source !== frame.contentWindow) return;
    if (event.data === "khcn:ready") ready = true;
    if (event.data === "khcn:close") show(false);
  });
  const attach = () => document.body.append(host);
  if (document.body) attach();
  else document.addEventListener("DOMContentLoaded", attach);
})();
