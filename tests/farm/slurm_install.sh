#!/bin/bash
# Installs what slurm_up.sh starts, from Debian; its services are not started. Exits with 1 and the reason where that cannot be.
set -u
there() { for program in slurmctld slurmd sbatch munge; do command -v $program >/dev/null || return 1; done; }
if there; then exit 0; fi
[ "$(id -u)" = 0 ] || { echo "Slurm is not installed, and installing it needs root"; exit 1; }
command -v apt-get >/dev/null || { echo "Slurm is not installed, and there is no apt-get"; exit 1; }
policy=/usr/sbin/policy-rc.d ours='' log=$(mktemp)
if [ ! -e "$policy" ]; then
  ours=1
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
fi
install() { DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends slurmctld slurmd slurm-client munge; }
{ install || { apt-get update -q && install; }; } >"$log" 2>&1
code=$?
[ -z "$ours" ] || rm -f "$policy"
[ $code = 0 ] || { tail -n 3 "$log"; echo "Slurm cannot be installed with apt-get"; exit 1; }
