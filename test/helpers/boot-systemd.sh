#!/usr/bin/env bash
# boot-systemd.sh [FROM=TO]...: boots a throwaway systemd; it lives until standard input ends.
#
# Its root is an overlay of this machine's: every program is there, and whatever is written vanishes. To try another
# systemd, SYSTEMD_ROOT names the root of another release (debootstrap makes one), with node in it. Its namespaces are
# its own (mounts, processes, network with nothing but lo, hostname, IPC, cgroups); of this machine's services none is
# started. Each FROM can be read at TO inside. The words "up PID" on standard output say when it may be used:
# `nsenter -t PID -m -u -i -n -p -C -- systemctl …`, and its files are below /proc/PID/root. Nothing outlives this script:
# PID is the init of its processes and the last holder of its mounts, and with this script the kernel kills it.
set -euo pipefail

fail() {
  printf 'boot-systemd: %s\n' "$1" >&2
  exit 125
}

[ "$(id -u)" = 0 ] || fail "only root can make the namespaces: run the tests as root"
lower=${SYSTEMD_ROOT:-/}
[ -x "$lower/lib/systemd/systemd" ] || fail "there is no systemd to boot in $lower: bash test/install-peers.sh"
cgroups=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)
[ -n "$cgroups" ] || fail "no cgroup2 is mounted: mount -t cgroup2 cgroup2 DIRECTORY"

work=$(mktemp -d)
group=$cgroups/fcgi-pm-$(basename "$work" | tr -c 'A-Za-z0-9\n' -)
boot=''

# The kernel needs a moment to end the processes of a namespace; until then their cgroups cannot go.
cleanup() {
  trap '' INT TERM HUP
  [ -z "$boot" ] || kill -KILL "$boot" 2>/dev/null || true
  wait 2>/dev/null || true
  for _ in $(seq 1200); do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$group" ] || break
    sleep 0.05
  done
  rmdir "$work/root" "$work" || true
  [ ! -d "$group" ] || fail "left behind: $group"
}
trap cleanup EXIT
trap 'exit 143' INT TERM HUP

# ---- As the init of the new processes, still among the mounts of old. It moves into its cgroup by itself: what enters
# the new cgroup namespace from the root would be at home in none, and systemd says "Failed to dump process list".
in_new_processes='
set -eu
mkdir "$group"
echo 0 >"$group/cgroup.procs"
exec unshare --mount --cgroup --propagation private -- bash -c "$in_new_mounts" boot "$@"
'

# ---- The same process, among mounts of its own.
in_new_mounts='
set -euo pipefail
mount -t tmpfs -o mode=755 fcgi-pm "$work/root"
cd "$work/root"
mkdir root upper work
mount -t overlay -o lowerdir=$lower,upperdir=upper,workdir=work overlay root

# What belongs to the kernel. Nobody may set anything there for the whole machine; its network is its own.
mount -t proc -o nosuid,nodev,noexec proc root/proc
mount --bind root/proc/sys root/proc/sys
mount -o remount,bind,ro root/proc/sys
mount --bind root/proc/sys/net root/proc/sys/net
mount -o remount,bind,rw root/proc/sys/net
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs root/sys
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 root/sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid dev root/dev
for device in null zero full random urandom tty; do
  : >"root/dev/$device"
  mount --bind "/dev/$device" "root/dev/$device"
done
mkdir root/dev/pts root/dev/shm root/dev/mqueue
mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=620,gid=5 devpts root/dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm root/dev/shm
mount -t mqueue -o nosuid,nodev,noexec mqueue root/dev/mqueue
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%:*}" "root/dev/${stream#*:}"; done
for directory in run tmp var/tmp; do
  mount -t tmpfs -o mode=1777,nosuid,nodev fcgi-pm "root/$directory"
done
chmod 755 root/run
mkdir root/run/lock

for pair; do
  mkdir -p "root/${pair#*=}"
  mount --bind "${pair%%=*}" "root/${pair#*=}"
  mount -o remount,bind,ro "root/${pair#*=}"
done

# What is enabled on this machine does not start in there; what is about hardware and the kernel cannot.
units=root/etc/systemd/system
rm -rf "$units"/*.wants "$units"/*.requires root/etc/systemd/network
rm -f root/usr/lib/systemd/system/multi-user.target.wants/{getty.target,systemd-logind.service}
for unit in systemd-{journald-audit,udevd-control,udevd-kernel}.socket \
  systemd-{udevd,udev-trigger,modules-load,sysctl,binfmt,hwdb-update,remount-fs,firstboot,pcrphase,random-seed,timesyncd}.service \
  systemd-networkd-wait-online.service modprobe@.service console-getty.service e2scrub_reap.service \
  dev-hugepages.mount sys-kernel-{debug,tracing,config}.mount sys-fs-fuse-connections.mount tmp.mount \
  proc-sys-fs-binfmt_misc.{auto,}mount; do
  ln -sfn /dev/null "$units/$unit"
done
: >root/etc/fstab
tr -d - </proc/sys/kernel/random/uuid >root/etc/machine-id
mkdir -p root/etc/systemd/journald.conf.d
printf "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nForwardToSyslog=no\n" \
  >root/etc/systemd/journald.conf.d/90-fcgi-pm.conf
echo throwaway >root/etc/hostname
hostname throwaway

mkdir root/.old
cd root
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
# The clock belongs to the whole machine, too.
exec setpriv --bounding-set -audit_control,-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm,-block_suspend \
  env -i container=fcgi-pm LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 \
  /lib/systemd/systemd --system --unit=multi-user.target --show-status=0 --log-target=journal </dev/null
'

mkdir "$work/root"
export work group lower in_new_mounts
# `unshare --fork` does not heed SIGTERM (util-linux 2.38), and takes its child with it only when it is killed itself.
setpriv --pdeathsig KILL unshare --pid --fork --kill-child --net --uts --ipc -- \
  bash -c "$in_new_processes" boot "$@" </dev/null >&2 &
boot=$!

inside() { nsenter -t "$init" -m -u -i -n -p -C -- timeout -s KILL 20 "$@"; }

init='' state=''
for _ in $(seq 400); do
  kill -0 "$boot" 2>/dev/null || break
  [ -n "$init" ] || init=$(pgrep -P "$boot" | head -n 1) || true
  if [ -n "$init" ] && [ "$(cat "/proc/$init/comm" 2>/dev/null)" = systemd ]; then
    state=$(inside systemctl is-system-running --wait 2>/dev/null) || true
    case $state in running | degraded) break ;; esac
  fi
  sleep 0.05
done
case $state in
  running) ;;
  degraded) inside systemctl --failed --no-pager --plain --no-legend >&2 ;;
  *) fail "systemd did not come up (${state:-no answer})" ;;
esac
echo "up $init"
# Until whoever asked for it closes the pipe, or is no more.
cat >/dev/null
