// For bb_runner's configuration: merge it into yours with +. The cleaning command runs when the runner begins to work and when it has
// nothing more to do, and around readiness checks; while the path is missing the runner takes no work.
{
  runCommandCleaner: ['/usr/bin/reaperctl', 'hook', '--sentinel', '/run/reaperd-sentinel/clean', '--timeout', '1s'],
  readinessCheckingPathnames: ['/run/reaperd-sentinel/clean'],
}
