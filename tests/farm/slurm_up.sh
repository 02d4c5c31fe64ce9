#!/bin/bash
# A Slurm of one machine on loopback, without systemd: slurm_up.sh FOLDER NODES. Prints the path of slurm.conf.
# Needs root and Debian's packages slurmctld slurmd slurm-client munge. NODES slurmd run on this machine; each has two devices that
# count as GPUs (plain device files, so that what --gres pins can be seen without any).
set -eu
folder=$1 nodes=${2:-1} host=$(hostname -s) port=${PORT:-17810}
mkdir -p "$folder"/{state,spool,log} /run/munge /var/log/munge /var/lib/munge
chown munge:munge /run/munge /var/log/munge /var/lib/munge
chmod 755 /run/munge
[ -s /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none; chown munge:munge /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; }
munge -n 2>/dev/null | unmunge >/dev/null 2>&1 || runuser -u munge -- /usr/sbin/munged --force
for _ in $(seq 50); do munge -n 2>/dev/null | unmunge >/dev/null 2>&1 && break; sleep .1; done

{
  cat <<CONF
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/%n.log
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=200000,batch_sched_delay=0,bf_interval=1
MpiDefault=none
ReturnToService=2
SlurmdTimeout=15
KillWait=10
RequeueExit=75
GresTypes=gpu
CONF
  for number in $(seq "$nodes"); do
    echo "NodeName=n$number NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + number)) CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=4000 Gres=gpu:2"
  done
  echo "PartitionName=farm Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
} > "$folder/slurm.conf"
printf 'Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n' > "$folder/gres.conf"
export SLURM_CONF=$folder/slurm.conf
/usr/sbin/slurmctld -c
for number in $(seq "$nodes"); do /usr/sbin/slurmd -N "n$number"; done
for _ in $(seq 150); do [ "$(sinfo -h -N -o %t 2>/dev/null | sort -u)" = idle ] && break; sleep .2; done
sinfo -h -N -o '%N %t' >&2
echo "$SLURM_CONF"
