from rotonodes.__main__ import main

if __name__ == "__main__":  # workers of Dask import this file again
    main()
