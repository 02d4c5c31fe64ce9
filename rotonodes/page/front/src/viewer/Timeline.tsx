import { change, now, usePage } from "../model/store";

export function stepFrame(by: number): void {
  const { shot, frame } = now();
  const at = shot.indexOf(frame) + by;
  change({ frame: shot[((at % shot.length) + shot.length) % shot.length], playing: false });
}

export function goTo(frame: number): void {
  const { shot } = now();
  change({ frame: shot.reduce((best, one) => (Math.abs(one - frame) < Math.abs(best - frame) ? one : best), shot[0]), playing: false });
}

/** Play, frame number, slider over the frames of the shot. */
export function Timeline() {
  const shot = usePage((page) => page.shot);
  const frame = usePage((page) => page.frame);
  const playing = usePage((page) => page.playing);
  const index = Math.max(0, shot.indexOf(frame));
  const last = shot.length - 1;
  return (
    <div className="timeline">
      <button type="button" aria-label="previous frame" title="previous frame (left arrow)" onClick={() => stepFrame(-1)}>
        <Icon d="M10 3 5 8l5 5z" />
      </button>
      <button type="button" aria-label={playing ? "pause" : "play"} title={playing ? "pause (space)" : "play (space)"} onClick={() => change({ playing: !playing })}>
        <Icon d={playing ? "M4 3h3v10H4zM9 3h3v10H9z" : "M5 3l8 5-8 5z"} />
      </button>
      <button type="button" aria-label="next frame" title="next frame (right arrow)" onClick={() => stepFrame(1)}>
        <Icon d="M6 3l5 5-5 5z" />
      </button>
      <input
        key={frame}
        className="frame-number"
        aria-label="frame"
        inputMode="numeric"
        defaultValue={frame}
        onKeyDown={(event) => event.key === "Enter" && goTo(Number(event.currentTarget.value) || shot[0])}
        onBlur={(event) => Number(event.currentTarget.value) !== frame && goTo(Number(event.currentTarget.value) || shot[0])}
      />
      <span className="end">{shot[0]}</span>
      <input
        className="slider"
        type="range"
        min={0}
        max={Math.max(0, last)}
        value={index}
        aria-label="frame slider"
        aria-valuetext={`frame ${frame}`}
        style={{ "--at": last ? index / last : 0 } as React.CSSProperties}
        onChange={(event) => change({ frame: shot[Number(event.target.value)], playing: false })}
      />
      <span className="end">{shot[last]}</span>
    </div>
  );
}

export function Icon({ d }: { d: string }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={d} />
    </svg>
  );
}
