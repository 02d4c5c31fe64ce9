import { type Node, useReactFlow, useStore } from "@xyflow/react";
import { useEffect, useMemo, useRef } from "react";

const [WIDTH, HEIGHT, MARGIN] = [150, 100, 5];

interface Map {
  left: number;
  top: number;
  scale: number;
}

/**
 * The whole graph in a corner, with the part that is seen. Nodes are drawn once on a canvas, and only the frame moves:
 * so a graph of a thousand nodes pans as smoothly as a small one.
 */
export function Overview({ nodes, theme }: { nodes: Node[]; theme: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flow = useReactFlow();
  const map = useMemo<Map>(() => {
    const left = Math.min(...nodes.map((node) => node.position.x));
    const top = Math.min(...nodes.map((node) => node.position.y));
    const right = Math.max(...nodes.map((node) => node.position.x + (node.width ?? 0)));
    const bottom = Math.max(...nodes.map((node) => node.position.y + (node.height ?? 0)));
    const scale = Math.min((WIDTH - 2 * MARGIN) / (right - left), (HEIGHT - 2 * MARGIN) / (bottom - top));
    return { left: (left + right) / 2 - WIDTH / 2 / scale, top: (top + bottom) / 2 - HEIGHT / 2 / scale, scale };
  }, [nodes]);

  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const style = getComputedStyle(canvas.current!);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, WIDTH, HEIGHT);
    for (const node of nodes) {
      context.fillStyle = style.getPropertyValue(node.selected ? "--accent" : "--faint");
      const size = [(node.width ?? 0) * map.scale, (node.height ?? 0) * map.scale];
      context.fillRect((node.position.x - map.left) * map.scale, (node.position.y - map.top) * map.scale, Math.max(1, size[0]), Math.max(1, size[1]));
    }
  }, [nodes, map, theme]);

  const look = (event: React.PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = [map.left + (event.clientX - box.left) / map.scale, map.top + (event.clientY - box.top) / map.scale];
    void flow.setCenter(x, y, { zoom: flow.getZoom() });
  };
  return (
    <div
      className="overview nopan nowheel"
      aria-hidden="true"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        look(event);
      }}
      onPointerMove={(event) => event.buttons & 1 && look(event)}
      onDoubleClick={(event) => event.stopPropagation()}
    >
      <canvas ref={canvas} width={WIDTH * devicePixelRatio} height={HEIGHT * devicePixelRatio} />
      <Seen map={map} />
    </div>
  );
}

function Seen({ map }: { map: Map }) {
  const [x, y, zoom] = useStore((state) => state.transform);
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const [left, top] = [(-x / zoom - map.left) * map.scale, (-y / zoom - map.top) * map.scale];
  return <i style={{ transform: `translate(${left}px, ${top}px)`, width: (width / zoom) * map.scale, height: (height / zoom) * map.scale }} />;
}
