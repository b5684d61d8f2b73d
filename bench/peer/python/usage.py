"""What this process and the children it has waited for have used."""
import os
import resource
import time

FIELDS = ('user_cpu', 'system_cpu', 'switches')


class Meter:
    """Counts from its making."""

    def __init__(self):
        self.begun = self._sums()

    def spent(self):
        now = self._sums()
        return dict({f: now[f] - self.begun[f] for f in FIELDS},
                    peak_bytes=peak(resource.RUSAGE_SELF))

    def _sums(self):
        both = [resource.getrusage(who) for who in
                (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return {'user_cpu': sum(u.ru_utime for u in both),
                'system_cpu': sum(u.ru_stime for u in both),
                'switches': sum(u.ru_nvcsw + u.ru_nivcsw for u in both)}


def peak(who):
    return resource.getrusage(who).ru_maxrss * 1024


def age():
    """Seconds since this process was started, to a hundredth."""
    with open('/proc/self/stat') as f:
        # What follows the name, which may have spaces, begins with field 3.
        fields = f.read().rpartition(')')[2].split()
    begun = int(fields[22 - 3]) / os.sysconf('SC_CLK_TCK')
    return time.clock_gettime(time.CLOCK_BOOTTIME) - begun
