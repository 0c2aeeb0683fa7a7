/* Draws every <figure data-chart>: the JSON beside it says what, the colours come from the page's theme. The table below
   has the same numbers, so a page without this script loses nothing but the picture. */
(function () {
  "use strict";
  const DASHES = ["solid", "dashed", "dotted", [8, 3, 2, 3], [2, 2]];
  const SYMBOLS = ["circle", "rect", "triangle", "diamond", "pin"];
  const SERIES = 5;
  const drawn = new Map();

  /* A colour as the browser sees it now: light-dark() is only resolved on a property that is a colour. */
  function palette() {
    const probe = document.createElement("span");
    document.body.append(probe);
    const colour = (name) => {
      probe.style.color = `var(--sw-${name})`;
      return window.getComputedStyle(probe).color;
    };
    const found = {
      text: colour("text"),
      muted: colour("text-muted"),
      border: colour("border"),
      surface: colour("surface"),
      bad: colour("bad"),
      series: Array.from({ length: SERIES }, (_, index) => colour(`series-${index + 1}`)),
      font: window.getComputedStyle(document.body).fontFamily,
    };
    probe.remove();
    return found;
  }

  function shown(value, unit) {
    if (value === null || value === undefined) return "–";
    const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 4;
    const number = Number(value).toLocaleString("en", { maximumFractionDigits: digits });
    return unit ? `${number} ${unit}` : number;
  }

  function moment(value) {
    return `${new Date(value).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  }

  function heading(chart, point) {
    if (chart.kind === "scatter") return point.data[2] || "";
    return chart.x === "time" ? moment(point.value[0]) : String(point.name || point.value[0]);
  }

  function hint(chart) {
    return (params) => {
      const points = Array.isArray(params) ? params : [params];
      if (!points.length) return "";
      const lines = points.map((point) => `${point.seriesName}: ${shown(point.value[1], chart.unit)}`);
      if (chart.kind === "scatter") lines.unshift(`${chart.x_label}: ${shown(points[0].value[0], "")}`);
      return [heading(chart, points[0]), ...lines].join("\n");
    };
  }

  function marks(chart, colours) {
    const label = { color: colours.muted, formatter: "{b}", position: "insideEndTop" };
    const lines = (chart.markers || []).map((one) => ({
      name: one.label,
      xAxis: one.at,
      label,
      lineStyle: { color: colours.muted, type: "dashed" },
    }));
    const limits = (chart.thresholds || []).map((one) => ({
      name: one.label,
      yAxis: one.value,
      label,
      lineStyle: { color: colours.bad, type: "dotted", width: 2 },
    }));
    return { silent: true, symbol: "none", animation: false, data: [...lines, ...limits] };
  }

  function series(chart, colours) {
    const isBar = chart.kind === "bar" || chart.kind === "stacked";
    return chart.series.map((one, index) => ({
      name: one.name,
      type: chart.kind === "scatter" ? "scatter" : isBar ? "bar" : "line",
      stack: chart.kind === "stacked" ? "all" : undefined,
      data: one.data,
      connectNulls: false,
      symbol: SYMBOLS[index % SYMBOLS.length],
      symbolSize: chart.kind === "scatter" ? 12 : 6,
      showSymbol: one.data.length < 40,
      barMaxWidth: 32,
      lineStyle: { width: 2, type: DASHES[index % DASHES.length] },
      cursor: one.data.some((point) => point[3]) ? "pointer" : "default",
      markLine: index === 0 ? marks(chart, colours) : undefined,
    }));
  }

  function axis(colours, more) {
    return {
      axisLine: { lineStyle: { color: colours.border } },
      axisLabel: { color: colours.muted, hideOverlap: true },
      splitLine: { lineStyle: { color: colours.border } },
      nameTextStyle: { color: colours.muted },
      ...more,
    };
  }

  function across(chart, colours) {
    const name = { name: chart.x_label, nameLocation: "middle", nameGap: 28 };
    if (chart.kind === "scatter") return axis(colours, { type: "value", scale: true, ...name });
    if (chart.x === "time") {
      return axis(colours, {
        type: "time",
        min: chart.start || undefined,
        max: chart.end || undefined,
        splitLine: { show: false },
      });
    }
    return axis(colours, { type: "category", data: chart.categories || undefined });
  }

  function options(chart) {
    const colours = palette();
    return {
      useUTC: true,
      animation: false,
      color: colours.series,
      textStyle: { fontFamily: colours.font, color: colours.text },
      aria: { enabled: true, label: { description: chart.title }, decal: { show: chart.kind === "stacked" } },
      grid: {
        left: 8,
        right: 16,
        top: chart.series.length > 1 ? 40 : 24,
        bottom: chart.x_label ? 32 : 8,
        containLabel: true,
      },
      legend: { show: chart.series.length > 1, top: 0, type: "scroll", textStyle: { color: colours.text } },
      /* Text alone: a hint of HTML would need styles that the page's policy forbids. */
      tooltip: {
        renderMode: "richText",
        trigger: chart.kind === "scatter" ? "item" : "axis",
        confine: true,
        backgroundColor: colours.surface,
        borderColor: colours.border,
        textStyle: { color: colours.text },
        formatter: hint(chart),
      },
      toolbox: {
        show: chart.x === "time" || chart.kind === "scatter",
        right: 0,
        iconStyle: { borderColor: colours.muted },
        feature: {
          dataZoom: { yAxisIndex: "none", title: { zoom: "Zoom", back: "Back" } },
          restore: { title: "Reset zoom" },
        },
      },
      xAxis: across(chart, colours),
      yAxis: axis(colours, {
        type: "value",
        max: chart.max ?? undefined,
        axisLabel: { color: colours.muted, formatter: (value) => shown(value, chart.unit) },
      }),
      series: series(chart, colours),
    };
  }

  /* A point may lead somewhere: only to a page of this portal. */
  function follow(params) {
    const url = params.data && params.data[3];
    if (typeof url === "string" && url.startsWith("/") && !url.startsWith("//")) window.location.assign(url);
  }

  function draw(figure) {
    const source = document.getElementById(figure.dataset.chart);
    const canvas = figure.querySelector("[data-chart-canvas]");
    if (!source || !canvas || drawn.has(figure)) return;
    const chart = JSON.parse(source.textContent);
    figure.classList.add("is-drawn");
    const instance = window.echarts.init(canvas, null, { renderer: "canvas" });
    instance.setOption(options(chart));
    instance.on("click", follow);
    const observer = new ResizeObserver(() => instance.resize());
    observer.observe(canvas);
    drawn.set(figure, { chart, instance, observer });
  }

  function sweep() {
    drawn.forEach(({ instance, observer }, figure) => {
      if (figure.isConnected) return;
      observer.disconnect();
      instance.dispose();
      drawn.delete(figure);
    });
  }

  function all() {
    if (!window.echarts) return;
    sweep();
    document.querySelectorAll("figure[data-chart]").forEach(draw);
  }

  document.addEventListener("DOMContentLoaded", all);
  document.addEventListener("htmx:afterSettle", all);
  document.addEventListener("slipway:theme", () => {
    drawn.forEach(({ chart, instance }) => instance.setOption(options(chart), true));
  });
})();
