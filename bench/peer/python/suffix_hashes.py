"""Asks Swift for a partition's suffix digests, as REPLICATE would."""
import swiftdir
import talk


def main():
    asked = talk.request()
    policy = swiftdir.use(asked['swift_dir']).get_by_index(asked['policy'])
    mgr = swiftdir.router(asked, swiftdir.Log())[policy]
    talk.answer(swiftdir.plain(mgr.get_hashes(
        asked['device'], asked['partition'], asked['recalculate'] or [],
        policy)))


if __name__ == '__main__':
    talk.run(main)
