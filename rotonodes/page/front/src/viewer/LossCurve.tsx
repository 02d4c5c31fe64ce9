import { change, usePage } from "../model/store";

const [WIDTH, HEIGHT] = [220, 72];

/** The losses of the training that runs: on training frames and on validation frames. */
export function LossCurve() {
  const loss = usePage((page) => page.loss);
  if (loss.length < 2) return null;
  const validations = loss.filter((one) => one.validation != null);
  const values = [...loss.map((one) => one.loss), ...validations.map((one) => one.validation!)].filter(Number.isFinite);
  const most = Math.max(...values);
  const least = Math.min(0, ...values);
  const end = loss[loss.length - 1].step || 1;
  const line = (points: [number, number][]) =>
    points.map(([step, value]) => `${((step / end) * WIDTH).toFixed(1)},${(HEIGHT - 3 - ((value - least) / (most - least || 1)) * (HEIGHT - 6)).toFixed(1)}`).join(" ");
  const lastValidation = validations[validations.length - 1]?.validation;
  return (
    <figure className="loss" onPointerDown={(event) => event.stopPropagation()}>
      <button type="button" aria-label="close the loss curve" title="close" onClick={() => change({ loss: [] })}>
        ×
      </button>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`loss ${loss[loss.length - 1].loss.toFixed(3)} at step ${end}`}>
        <polyline className="training" points={line(loss.map((one) => [one.step, one.loss]))} />
        <polyline className="validation" points={line(validations.map((one) => [one.step, one.validation!]))} />
      </svg>
      <figcaption>
        step {end} · <b className="training">loss {loss[loss.length - 1].loss.toFixed(3)}</b>
        {lastValidation != null && (
          <>
            {" "}
            · <b className="validation">validation {lastValidation.toFixed(3)}</b>
          </>
        )}
      </figcaption>
    </figure>
  );
}
