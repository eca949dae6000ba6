// The same for a runner in a container without reaperctl: the host alone keeps the sentinel (reaperd-sentinel.timer).
{
  readinessCheckingPathnames: ['/run/reaperd-sentinel/clean'],
}
