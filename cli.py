from rotonodes.cli import main

main()
