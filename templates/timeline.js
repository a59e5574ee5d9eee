// Places the labels of a timeline's events above its plot, anew after each zoom and each change of width.
// A label begins at its event, or ends at the margin, and stands on a leader, which passes behind the labels below. No two overlap: those for
// which the lanes do not suffice are left out, the least important first.
(() => {
  const LANE = 17, LANES = 10, MOST = 230, GAP = 6;

  function laid(labels) {  // lanes, 0 the lowest, of labels sorted by their place; null where there are too few
    const ends = [], lanes = [];
    for (const label of labels) {
      let lane = ends.findIndex((end) => end <= label.left);
      if (lane < 0) lane = ends.length;
      if (lane >= LANES) return null;
      ends[lane] = label.left + label.width + GAP;
      lanes.push(lane);
    }
    return lanes;
  }

  function place(timeline, plot, marks) {
    const axis = plot._fullLayout.xaxis, strip = timeline.querySelector('.marks');
    const right = axis._offset + axis._length + plot._fullLayout.margin.r;
    strip.replaceChildren();
    const inside = marks
      .map((mark) => ({ mark, x: axis._offset + axis.d2p(mark.at), shift: axis.d2p(mark.at) }))
      .filter((label) => label.shift >= -1 && label.shift <= axis._length + 1);
    for (const label of inside) {
      label.element = document.createElement('span');
      label.element.textContent = label.element.title = label.mark.label;
      label.element.style.color = label.mark.colour;
      label.element.style.maxWidth = `${MOST}px`;
      strip.append(label.element);
    }
    for (const label of inside) {
      label.width = label.element.offsetWidth;
      label.left = Math.max(0, Math.min(label.x, right - label.width));
    }
    let kept = [], lanes = [];
    for (const label of [...inside].sort((a, b) => b.mark.weight - a.mark.weight || a.x - b.x)) {
      const tried = [...kept, label].sort((a, b) => a.left - b.left);
      const found = laid(tried);
      if (found) { kept = tried; lanes = found; }
    }
    const height = LANE * (Math.max(-1, ...lanes) + 1);
    strip.style.height = `${height}px`;
    strip.replaceChildren();
    kept.forEach((label, i) => {
      const leader = document.createElement('i');
      leader.style.cssText = `left:${label.x}px;top:${height - LANE * (lanes[i] + 1)}px;background:${label.mark.colour}`;
      label.element.style.left = `${label.left}px`;
      label.element.style.top = `${height - LANE * (lanes[i] + 1)}px`;
      strip.append(leader, label.element);
    });
    const left = inside.length - kept.length;
    timeline.querySelector('.unlabelled').textContent =
      left ? `${left} of ${inside.length} events have no room for a label here: zoom in, or see the table.` : '';
  }

  for (const timeline of document.querySelectorAll('.timeline')) {
    const plot = timeline.querySelector('.plotly-graph-div');
    const marks = JSON.parse(timeline.querySelector('script[type="application/json"]').textContent);
    plot.on('plotly_afterplot', () => place(timeline, plot, marks));
    place(timeline, plot, marks);
  }
})();
