"""Runs one pass of Swift's object auditor over a device, without delays."""
import os
import tempfile

import swiftdir
import talk


def main():
    asked = talk.request()
    swiftdir.use(asked['swift_dir'])
    from swift.obj.auditor import AuditorWorker
    log = swiftdir.Log()
    # The worker starts its counters anew whenever it logs them: never, here.
    conf = dict(swiftdir.diskfile_conf(asked), files_per_second='0',
                bytes_per_second='0', log_time=str(1 << 40))
    with tempfile.TemporaryDirectory() as cache:
        worker = AuditorWorker(conf, log, os.path.join(cache, 'object.recon'),
                               asked['devices'])
        worker.audit_all_objects(mode='once', device_dirs=[asked['device']])
    talk.answer({'quarantined': worker.quarantines, 'passed': worker.passes,
                 'errors': log.errors})


if __name__ == '__main__':
    talk.run(main)
